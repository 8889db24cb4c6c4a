/** A published run in a folder on this machine. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { digestOfFile } from '../storage/digest-of-file.ts'
import { storageError } from '../storage/errors.ts'
import { type Place, tooLong } from './place.ts'

export function folderPlace(folder: string): Place {
  return {
    name: folder,
    async *open(path, bytesMax) {
      const file = join(folder, path)
      try {
        const { size } = await stat(file)
        if (size > bytesMax) throw tooLong(path, bytesMax)
        yield* createReadStream(file)
      } catch (error) {
        throw storageError('read', file, error)
      }
    },
    local: {
      pathOf: (path) => join(folder, path),
      digestOf: (path) =>
        digestOfFile(join(folder, path)).catch((error) => {
          throw storageError('read', join(folder, path), error)
        }),
      async list() {
        const found = await readdir(folder, { recursive: true, withFileTypes: true })
        return found
          .filter((entry) => entry.isFile())
          .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
          .map((path) => path.split(sep).join('/'))
          .filter((path) => !path.startsWith('.'))
          .sort()
      },
    },
    // It needs no copy of what may be a whole model.
    digestOf: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  }
}
