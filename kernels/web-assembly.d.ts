/**
 * WebAssembly as every engine has it. TypeScript declares it beside the DOM only, which rooms that
 * run anywhere must not see. Source: WebAssembly JavaScript Interface 2.0, §5.
 */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer
    /** Grows by so many pages of 64 KiB; gives the pages there were before. */
    grow(delta: number): number
  }
  var Memory: new (descriptor: { initial: number; maximum?: number; shared?: boolean }) => Memory
  interface Module {
    readonly [Symbol.toStringTag]: string
  }
  var Module: {
    new (bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>): Module
    imports(module: Module): { module: string; name: string; kind: string }[]
  }
  interface Instance {
    readonly exports: Record<string, unknown>
  }
  var Instance: new (module: Module, imports?: object) => Instance
  function validate(bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean
}
