/**
 * Where a coordinator said that it is, kept beside the key of a volunteer: one that is started
 * again finds it there after its relay or tunnel has moved.
 */
import { open, rename, writeFile } from 'node:fs/promises'
import { ADDRESS_LENGTH_MAX, ADDRESSES_MAX } from '../../protocol/index.ts'
import type { Log } from '../log.ts'
import type { Told } from '../network/whereabouts.ts'

const FILE_BYTES_MAX = 4 * ADDRESSES_MAX * ADDRESS_LENGTH_MAX

export interface KeptWhereabouts {
  /** Null: nothing was kept, or nothing that can be read. */
  read(): Promise<Told | null>
  write(told: Told): void
}

export function keptWhereabouts(file: string, log: Log): KeptWhereabouts {
  let newest: Told | null = null
  let isWriting = false

  /** A coordinator may say it faster than a disk takes it: only the newest is waited for. */
  async function writeNewest(): Promise<void> {
    while (newest !== null) {
      const text = JSON.stringify(newest)
      newest = null
      await replace(file, text).catch(({ message }: Error) =>
        log.warn(`Where the run is cannot be kept: ${message}`),
      )
    }
    isWriting = false
  }

  return {
    read: () =>
      readText(file)
        .then(toldIn)
        .catch(() => null),
    write: (told) => {
      newest = told
      if (isWriting) return
      isWriting = true
      void writeNewest()
    },
  }
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

async function readText(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    return size > FILE_BYTES_MAX ? '' : await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function toldIn(text: string): Told | null {
  const { addresses, from } = JSON.parse(text) as Told
  const isShort = (one: unknown) => typeof one === 'string' && one.length <= ADDRESS_LENGTH_MAX
  if (!isShort(from) || !addresses.every(isShort)) return null
  return { addresses: addresses.slice(0, ADDRESSES_MAX), from }
}
