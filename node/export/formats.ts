/** What an export can be asked to be, by the words of the command line. */

export const EXPORT_FORMATS = ['peft', 'gguf-lora', 'merged', 'merged-gguf'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Types of weights, and what safetensors and GGUF call them; `base`: each that it has there. */
export const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', base: 'base' } as const
export type DtypeName = keyof typeof DTYPES
export const DTYPE_NAMES = Object.keys(DTYPES) as DtypeName[]
