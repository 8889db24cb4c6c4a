/** The bundler puts these files' bytes into the script. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  // biome-ignore lint/style/noDefaultExport: it is how a bundler hands them over.
  export default bytes
}

declare module '*.safetensors' {
  const bytes: Uint8Array<ArrayBuffer>
  // biome-ignore lint/style/noDefaultExport: it is how a bundler hands them over.
  export default bytes
}
