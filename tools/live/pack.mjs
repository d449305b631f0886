// Compiles and packs a folder with the Python that will read it: node pack.mjs RUNTIME FOLDER PACK
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, folder, pack] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`));
try {
    const python = await loadPyodide({ indexURL: `${runtime}/` });
    for (const [here, there] of [["/folder", folder], ["/packs", dirname(pack)]]) {
        python.FS.mkdir(here);
        python.mountNodeFS(here, there);
    }
    python.runPython(readFileSync(new URL("compiled.py", import.meta.url), "utf-8"));
    python.globals.get("compile_and_pack")("/folder", `/packs/${basename(pack)}`);
} catch (error) {
    console.error(error.message); // and not the million characters of the line it comes from
    process.exit(1);
}
