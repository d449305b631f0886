// One Python in a worker: it runs the cells of one lab, and asks no host but this site for anything.
import packs from "./packs.mjs";

const KEPT = "live-labs";
const SITE = "/lib/python3.14/site-packages/";
const text = new TextDecoder();
let loaded = 0;
let kernel, widgets;

// A pack as it was downloaded, now or on an earlier visit. Browsers keep no cache for a page
// without a secure connection.
async function pack({ file, bytes }) {
    const url = new URL(file, import.meta.url).href;
    const cache = await globalThis.caches?.open(KEPT).catch(() => undefined);
    const kept = await cache?.match(url);
    if (kept) {
        tell(bytes);
        return kept.blob();
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${file} cannot be loaded: ${response.status}.`);
    const counted = response.body.pipeThrough(
        new TransformStream({
            transform(chunk, controller) {
                tell(chunk.byteLength);
                controller.enqueue(chunk);
            },
        }),
    );
    const blob = await new Response(counted).blob();
    await cache?.put(url, new Response(blob)).catch(() => {}); // no room: then the next visit loads
    return blob;
}

function tell(bytes) {
    loaded += bytes;
    postMessage({ loaded });
}

async function forgetOthers() {
    const cache = await globalThis.caches?.open(KEPT).catch(() => undefined);
    const current = new Set(Object.values(packs).map(({ file }) => file));
    for (const { url } of (await cache?.keys()) ?? []) {
        if (!current.has(url.split("/").pop())) await cache.delete(url);
    }
}

// The files in a tar: their names and contents.
function* untarred(bytes) {
    const word = (at, most) => {
        const end = bytes.indexOf(0, at);
        return text.decode(bytes.subarray(at, Math.min(end, at + most)));
    };
    for (let at = 0; bytes[at]; ) {
        const [folder, name] = [word(at + 345, 155), word(at, 100)];
        const size = parseInt(word(at + 124, 12), 8);
        yield [folder ? `${folder}/${name}` : name, bytes.subarray(at + 512, at + 512 + size)];
        at += 512 * (1 + Math.ceil(size / 512));
    }
}

async function startPyodide(blob) {
    const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    const tar = new Uint8Array(await new Response(stream).arrayBuffer());
    const files = Object.fromEntries(untarred(tar));
    const address = (name, type) => URL.createObjectURL(new Blob([files[name]], { type }));
    const script = (name) => import(address(name, "text/javascript"));
    const { loadPyodide } = await script("pyodide.mjs");
    const { default: createPyodideModule } = await script("pyodide.asm.mjs");
    const { fetch } = globalThis;
    const wasm = { headers: { "Content-Type": "application/wasm" } };
    globalThis.fetch = (url, ...rest) =>
        String(url).endsWith("pyodide.asm.wasm")
            ? Promise.resolve(new Response(files["pyodide.asm.wasm"], wasm))
            : fetch(url, ...rest);
    const python = await loadPyodide({
        createPyodideModule,
        env: { PYTHONHASHSEED: "0" },
        indexURL: new URL("./", import.meta.url).href,
        lockFileContents: text.decode(files["pyodide-lock.json"]),
        stdLibURL: address("python_stdlib.zip", "application/zip"),
    });
    globalThis.fetch = fetch;
    return python;
}

const UNPACK = `
from compression.zstd import ZstdDecompressor

def unpacked(packed, most=2**22):
    decompressor, packed = ZstdDecompressor(), packed.to_py()
    while not decompressor.eof:
        yield decompressor.decompress(packed, most)
        packed = b""
`;

function install(python, packed) {
    const parts = [];
    for (const part of python.globals.get("unpacked")(packed)) {
        const buffer = part.getBuffer();
        parts.push(buffer.data.slice());
        buffer.release();
        part.destroy();
    }
    const tar = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    parts.reduce((at, part) => (tar.set(part, at), at + part.length), 0);
    const folders = new Set();
    for (const [name, bytes] of untarred(tar)) {
        const folder = SITE + name.slice(0, name.lastIndexOf("/") + 1);
        if (!folders.has(folder)) python.FS.mkdirTree(folder);
        folders.add(folder);
        python.FS.writeFile(SITE + name, bytes.slice(), { canOwn: true });
    }
}

async function start() {
    const [runtime, ...site] = await Promise.all(
        [packs.runtime, packs.packages, packs.course].map(pack),
    );
    postMessage({ starting: true });
    const python = await startPyodide(runtime);
    python.runPython(UNPACK);
    for (const blob of site) install(python, new Uint8Array(await blob.arrayBuffer()));
    kernel = python.pyimport("page_kernel.kernel").Kernel((output) =>
        postMessage({ output: JSON.parse(output) }),
    );
    kernel.take_over();
    widgets = python.pyimport("ipywidgets");
    widgets.tell = (change) => postMessage({ widget: JSON.parse(change) });
    postMessage({ ready: true });
    await forgetOthers();
}

const started = start();
started.catch((error) => postMessage({ failed: error.message }));
onmessage = async ({ data }) => {
    await started;
    if (data.code !== undefined) postMessage({ done: await kernel.run(data.code) });
    else await widgets.hear(data.number, data.name, data.value);
};
