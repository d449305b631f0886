"""JupyterHub for a class: `jupyterhub -f examples/jupyterhub_config.py`, from the course's folder.

It needs `pip install "jupyterhub>=5.3"` beside labtools, `npm install -g configurable-http-proxy`,
and a password of at least eight characters in CLASS_PASSWORD. Each student gets JupyterLab in a
copy of the labs of their own. The labs run in `sim`, in each student's own kernel; their last
section, "Now on your own endpoint", reaches the mock that the class shares:

    python -m labtools serve --profile slow --profile fast --host 0.0.0.0 --api-key class

Everybody who knows the password gets in, under any name: for a room, not for the internet. What a
student runs, runs as the user who started the hub, which may not be root. Their notebooks are in
CLASS_WORK, a folder each, and tools/grade.py grades them there. The hub keeps its own files in
CLASS_WORK/.hub. It takes the ports 8000, 8091 and 8092, and so leaves the mock (8001) and the real
engine (8081) theirs on the same machine.
"""

import os
import shutil
from pathlib import Path

c = get_config()  # noqa: F821  JupyterHub provides it

COURSE = Path(__file__).resolve().parent.parent
WORK = Path(os.environ.get("CLASS_WORK", Path.home() / "latency-multiplier-class"))
HUB = WORK / ".hub"
MOCK = os.environ.get("CLASS_MOCK", "http://127.0.0.1:8001/v1")


def copy_labs(spawner):
    """Give a student the labs at their first visit, and leave what is theirs alone afterwards."""
    folder = Path(spawner.format_string(spawner.notebook_dir))
    if not folder.exists():
        shutil.copytree(COURSE / "labs", folder, ignore=shutil.ignore_patterns(".*"))


c.JupyterHub.bind_url = "http://:8000"
# The usual ports of these two are those of labtools' engine and mock.
c.JupyterHub.hub_port = 8091
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8092"

# What the hub has to remember stays out of the course's folder.
HUB.mkdir(mode=0o700, parents=True, exist_ok=True)
c.JupyterHub.db_url = f"sqlite:///{HUB / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(HUB / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(HUB / "proxy.pid")

c.JupyterHub.authenticator_class = "shared-password"  # without a password, nobody gets in
c.SharedPasswordAuthenticator.user_password = os.environ.get("CLASS_PASSWORD", "")
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = "[a-z][a-z0-9]{0,30}"  # names are folders

c.JupyterHub.spawner_class = "simple"
c.Spawner.pre_spawn_hook = copy_labs
c.Spawner.notebook_dir = str(WORK / "{username}")
c.SimpleLocalProcessSpawner.home_dir_template = str(WORK / ".homes" / "{username}")
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "LABTOOLS_ENDPOINT": "sim",
    "LABTOOLS_OWN_URL": MOCK,
    "LABTOOLS_OWN_MODEL": "fast",
    "LABTOOLS_OWN_SMALL_MODEL": "fast",
    "OPENAI_BASE_URL": MOCK,  # for whatever else uses the SDK
    "OPENAI_API_KEY": "class",  # the mock's, and worth nothing elsewhere
}
c.Spawner.mem_limit = "1G"  # enforced by spawners that can, such as Docker's
