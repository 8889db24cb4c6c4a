/** The page of a published run: what was built for it, and the figures that it shows. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, utf8ToBytes } from '../../protocol/index.ts'
import { createRunFigures } from '../history/run-figures.ts'
import { FIGURES_FILE } from '../run/publication.ts'
import { freshState, replay } from '../run/replay.ts'
import { type RunFolder, readRunConfig } from '../run/run-folder.ts'
import { readUntouched } from '../storage/sqlite-journal.ts'

/** Made by `npm run prepare`, which `npm ci` runs. */
const BUILT = join(import.meta.dirname, '../browser/dist/published')
const RENAMED = new Map([['published.html', 'index.html']])

/**
 * The page's files, by their names.
 * @throws ConfigError when the folder holds no run, or the page is not built
 */
export async function publishedPage(folder: RunFolder): Promise<Map<string, Uint8Array>> {
  const page = new Map([[FIGURES_FILE, await figuresOf(folder)]])
  for (const name of await namesOfBuilt()) {
    page.set(RENAMED.get(name) ?? name, await readFile(join(BUILT, name)))
  }
  return page
}

async function namesOfBuilt(): Promise<string[]> {
  try {
    return await readdir(BUILT)
  } catch {
    throw new ConfigError('Cannot publish as the page is not built: run `npm run prepare` once')
  }
}

async function figuresOf(folder: RunFolder): Promise<Uint8Array> {
  const { config, runId } = await readRunConfig(folder)
  const state = freshState(config, runId)
  const figures = createRunFigures(state)
  const journal = readUntouched(folder.journal, runId)
  try {
    replay(state, journal, (event, effects, seq) => figures.observe(seq, event, effects))
  } finally {
    journal.close()
  }
  return utf8ToBytes(JSON.stringify(figures.written()))
}
