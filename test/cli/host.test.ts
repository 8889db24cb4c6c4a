/** `barnraise host`, in a process of its own, as a script hears it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Progress } from '../../node/roles/progress.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { start } from '../roles/processes.ts'
import { joinRun, runYaml, smallText, temporaryFolder } from '../roles/swarm.ts'

test('with --stay pages, metrics and adapter are there when the run is over', async () => {
  const folder = await temporaryFolder()
  const yaml = join(folder, 'run.yaml')
  await writeFile(yaml, runYaml({ max_steps: 4 }, { round_batches: 4 }))
  await writeFile(join(folder, 'text.txt'), smallText())
  const run = runFolder(join(folder, 'run'))
  const { child, seen } = start<Progress>([
    ...['host', yaml, '--out', run.root, '--port', '0', '--stay'],
  ])
  const { link, page, admin } = await seen('ready')
  expect(page).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#join=/)
  expect(admin).toMatch(/#admin=/)
  await joinRun(run, link, 'ada')
  const { adapter } = await seen('staying')
  expect(adapter.startsWith(run.root)).toBe(true)
  const answerOf = (path: string) => fetch(new URL(path, page!))
  expect(await (await answerOf('/')).text()).toContain('<title>')
  expect(await (await answerOf('/metrics')).text()).toMatch(/^barnraise_round 1$/m)
  child.kill('SIGINT')
  expect(await child.exited, child.complaints()).toBe(0)
}, 60_000)
