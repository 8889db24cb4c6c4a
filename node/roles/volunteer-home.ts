/**
 * A folder of its own for each volunteer of a run on this machine: of two with one key only
 * one is let in. The first process takes the first folder, which is the run's; one that finds it
 * taken goes on to the folders `2`, `3` … in it. A folder is free again when its process is gone,
 * and who comes next has the same key.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { tryLock } from '../storage/file-lock.ts'
import { makeFolder } from '../storage/file-system.ts'

export interface VolunteerHome {
  folder: string
  /** It counts from 1. */
  number: number
  release(): void
}

/** Volunteers of one run at a time. More on one machine would only wait for each other. */
const HOMES_MAX = 64
const LOCKED_FILE = 'volunteer'

/**
 * The first that nobody has.
 * @param root the folder of a run
 * @throws ConfigError when all are taken
 */
export async function openVolunteerHome(root: string): Promise<VolunteerHome> {
  for (let number = 1; number <= HOMES_MAX; number++) {
    const folder = homeOf(root, number)
    await makeFolder(folder, 0o700)
    const lock = tryLock(join(folder, LOCKED_FILE))
    if (lock.status === 'taken') return { folder, number, release: lock.release }
  }
  throw new ConfigError(`Cannot join as ${HOMES_MAX} volunteers of this run are here already`)
}

/** Who trains here now, in words: for those who want to clear what they use. */
export async function volunteersAt(root: string): Promise<string[]> {
  const holders: string[] = []
  const names = await readdir(root).catch(() => [])
  for (const folder of [
    root,
    ...names.filter((name) => /^\d+$/.test(name)).map((n) => join(root, n)),
  ]) {
    const holder = await holderOf(folder)
    if (holder !== null) holders.push(holder)
  }
  return holders
}

async function holderOf(folder: string): Promise<string | null> {
  const names: string[] = await readdir(folder).catch(() => [])
  if (!names.includes(`${LOCKED_FILE}.lock`)) return null
  const lock = tryLock(join(folder, LOCKED_FILE))
  if (lock.status === 'held') return lock.holder
  lock.release()
  return null
}

function homeOf(root: string, number: number): string {
  return number === 1 ? root : join(root, String(number))
}
