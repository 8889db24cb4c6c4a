/**
 * A safetensors file on disk, read by range: only the header and the tensor at hand are in memory,
 * so that a base of gigabytes costs what its largest matrix does. Reads are synchronous, as kernels
 * are: call them where blocking is no harm, in a training thread or while starting.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ModelError } from './errors.ts'
import {
  HEADER_LENGTH_BYTES,
  headerLength,
  parseHeader,
  readTensor,
  type Safetensors,
} from './safetensors.ts'

export interface SafetensorsFile extends Safetensors {
  close(): void
}

/** @throws ModelError `missing` without the file, `malformed` unless its header fits it. */
export function openSafetensorsFile(path: string): SafetensorsFile {
  const file = openForReading(path)
  try {
    const fileBytes = fstatSync(file).size
    const read = (begin: number, end: number) => readRange(file, begin, end, path)
    const start = read(0, Math.min(HEADER_LENGTH_BYTES, fileBytes))
    const length = headerLength(start, fileBytes)
    const json = read(HEADER_LENGTH_BYTES, HEADER_LENGTH_BYTES + length)
    const header = parseHeader(json, fileBytes)
    return {
      header,
      tensor: (name) => readTensor(header, name, read),
      close: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw naming(path, error)
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new ModelError('missing', `Cannot open the weights ${path}: ${(error as Error).message}`)
  }
}

function readRange(file: number, begin: number, end: number, path: string): Uint8Array {
  const bytes = new Uint8Array(end - begin)
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, begin + done)
    if (count === 0) {
      throw new ModelError(
        'malformed',
        `Cannot read ${path}: it has become shorter since it was opened`,
      )
    }
    done += count
  }
  return bytes
}

function naming(path: string, error: unknown): unknown {
  if (!(error instanceof ModelError)) return error
  return new ModelError(error.code, `${error.message} (${path})`)
}
