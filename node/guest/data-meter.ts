/** Bytes that were moved today, both ways, remembered over restarts in a small file. */
import { readFile, rename, writeFile } from 'node:fs/promises'

export interface DataMeter {
  add(bytes: number): void
  today(): number
  /** Writes it down, if there is anything new. */
  save(): Promise<void>
}

interface Moved {
  /** A date as this machine's clock on the wall has it. */
  day: string
  bytes: number
}

/** A file that is missing or broken counts as nothing moved. */
export async function openDataMeter(file: string, now: () => Date): Promise<DataMeter> {
  let moved = await readMoved(file)
  let isSaved = true
  const current = (): Moved => {
    const day = dayOf(now())
    if (moved.day !== day) moved = { day, bytes: 0 }
    return moved
  }
  return {
    add: (bytes) => {
      current().bytes += bytes
      isSaved = false
    },
    today: () => current().bytes,
    save: async () => {
      if (isSaved) return
      isSaved = true
      await writeFile(`${file}.new`, JSON.stringify(current()))
      await rename(`${file}.new`, file)
    },
  }
}

async function readMoved(file: string): Promise<Moved> {
  try {
    const { day, bytes } = JSON.parse(await readFile(file, 'utf8')) as Moved
    if (typeof day === 'string' && Number.isSafeInteger(bytes) && bytes >= 0) return { day, bytes }
  } catch {
    // The next one to be written is whole.
  }
  return { day: '', bytes: 0 }
}

function dayOf(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].join('-')
}
