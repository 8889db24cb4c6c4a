/**
 * A browser's own files, in memory, as far as `opfs-blob-store.ts` uses them: folders, files that
 * one handle at a time writes in place or many read, and a disk that may be full.
 */
import { vi } from 'vitest'

export interface FakeFile {
  bytes: Uint8Array
  /** One that writes has it. */
  isOpen: boolean
  lastModified: number
}

export interface FakeDisk {
  /** Files by folder and name. */
  files: Map<string, FakeFile>
  /** Bytes that files may have together. */
  bytesMax: number
  /** Whether files can be opened by many who only read. */
  hasReaders: boolean
  /** How many bytes were read at once, in order. */
  reads: number[]
}

/** Puts a disk where the store looks for it; it is gone when globals are unstubbed. */
export function stubDisk(): FakeDisk {
  const disk: FakeDisk = {
    files: new Map(),
    bytesMax: Number.POSITIVE_INFINITY,
    hasReaders: true,
    reads: [],
  }
  const getDirectory = async () => ({
    getDirectoryHandle: async (name: string) => folderOf(disk, name),
    removeEntry: async (name: string) => {
      const inside = [...disk.files.keys()].filter((path) => path.startsWith(`${name}/`))
      if (inside.length === 0) throw new DOMException(name, 'NotFoundError')
      for (const path of inside) disk.files.delete(path)
    },
  })
  vi.stubGlobal('navigator', { storage: { getDirectory } })
  return disk
}

function folderOf(disk: FakeDisk, folder: string) {
  const pathOf = (name: string) => `${folder}/${name}`
  return {
    name: folder,
    getFileHandle: async (name: string, { create = false } = {}) => {
      const path = pathOf(name)
      if (!disk.files.has(path)) {
        if (!create) throw new DOMException(name, 'NotFoundError')
        disk.files.set(path, { bytes: new Uint8Array(0), isOpen: false, lastModified: 0 })
      }
      return fileHandle(disk, path)
    },
    removeEntry: async (name: string) => void disk.files.delete(pathOf(name)),
    keys: async function* () {
      for (const path of disk.files.keys()) {
        if (path.startsWith(`${folder}/`)) yield path.slice(folder.length + 1)
      }
    },
  }
}

function fileHandle(disk: FakeDisk, path: string) {
  return {
    getFile: async () => {
      const { bytes, lastModified } = disk.files.get(path)!
      return { ...fileRange(disk, bytes), lastModified }
    },
    createSyncAccessHandle: async ({ mode = 'readwrite' } = {}) => {
      const file = disk.files.get(path)!
      if (file.isOpen) throw new DOMException(path, 'NoModificationAllowedError')
      if (disk.hasReaders && mode === 'read-only') return { ...syncHandle(disk, file), mode }
      file.isOpen = true
      return syncHandle(disk, file)
    },
    move: async (folder: { name: string }, name: string) => {
      const file = disk.files.get(path)!
      disk.files.delete(path)
      disk.files.set(`${folder.name}/${name}`, file)
    },
  }
}

/** What a page has of a file, or of a slice of it: nothing, until it asks for the bytes. */
function fileRange(disk: FakeDisk, bytes: Uint8Array) {
  return {
    size: bytes.length,
    slice: (begin: number, end: number) => fileRange(disk, bytes.subarray(begin, end)),
    arrayBuffer: async () => {
      disk.reads.push(bytes.length)
      return bytes.slice().buffer
    },
  }
}

function syncHandle(disk: FakeDisk, file: FakeFile) {
  const resize = (length: number) => {
    const resized = new Uint8Array(length)
    resized.set(file.bytes.subarray(0, length))
    file.bytes = resized
  }
  return {
    read: (to: Uint8Array, { at }: { at: number }) => {
      disk.reads.push(to.length)
      const read = file.bytes.subarray(at, at + to.length)
      to.set(read)
      return read.length
    },
    write: (from: Uint8Array, { at }: { at: number }) => {
      const others = [...disk.files.values()].filter((other) => other !== file)
      const taken = others.reduce((sum, { bytes }) => sum + bytes.length, at)
      const written = from.subarray(0, Math.max(0, disk.bytesMax - taken))
      if (at + written.length > file.bytes.length) resize(at + written.length)
      file.bytes.set(written, at)
      file.lastModified += 1
      return written.length
    },
    truncate: resize,
    getSize: () => file.bytes.length,
    flush: () => {},
    close: () => {
      file.isOpen = false
    },
  }
}
