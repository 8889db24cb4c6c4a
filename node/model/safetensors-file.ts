/** A safetensors file on disk. */
import { usingRangeFile } from './range-file.ts'
import { readTensor, type Safetensors, safetensorsHeader } from './safetensors.ts'

export interface SafetensorsFile extends Safetensors {
  close(): void
}

/** @throws ModelError `missing` without the file, `malformed` unless its header fits it. */
export function openSafetensorsFile(path: string): SafetensorsFile {
  return usingRangeFile(path, (file) => {
    const header = safetensorsHeader(file)
    return { header, tensor: (name) => readTensor(header, name, file.read), close: file.close }
  })
}
