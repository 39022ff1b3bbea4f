// Behind wasm-bindgen's own script. The trace becomes a file, which the page looks for: see Files::embedded in the page.
const embedded = (id) => {
  const element = document.getElementById(id);
  const text = atob(element.textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  // It is needed once, and long.
  element.textContent = "";
  return bytes;
};
try {
  const trace = document.getElementById("embedded-trace");
  trace.file = new File([embedded("embedded-trace")], trace.dataset.name);
  const packed = new Blob([embedded("embedded-wasm")]).stream();
  const wasm = new Response(packed.pipeThrough(new DecompressionStream("gzip")));
  await __wbg_init({ module_or_path: await wasm.arrayBuffer() });
} catch (error) {
  document.getElementById("heading").textContent = `This browser cannot show it: ${error.message}`;
  throw error;
}
