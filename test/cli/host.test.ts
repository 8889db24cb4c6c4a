/** `barnraise host`, in a process of its own, as a script hears it. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { type Invite, parseLink } from '../../node/network/link.ts'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { standInTunnel } from '../network/stand-in.ts'
import { freePort } from '../roles/free-port.ts'
import { start } from '../roles/processes.ts'
import { joinRun, prepareSmallRun, runYaml, smallText, temporaryFolder } from '../roles/swarm.ts'

/** Joins a run, and is gone when it has ended: a host waits for those who are here. */
async function volunteerToTheEnd(run: RunFolder, link: string | Invite): Promise<void> {
  const volunteer = await joinRun(run, link, 'ada')
  await volunteer.exited
  await volunteer.stop()
}

test('with --stay pages, metrics and adapter are there when the run is over', async () => {
  const folder = await temporaryFolder()
  const yaml = join(folder, 'run.yaml')
  await writeFile(yaml, runYaml({ max_steps: 4 }, { round_batches: 4 }))
  await writeFile(join(folder, 'text.txt'), smallText())
  const run = runFolder(join(folder, 'run'))
  const { child, seen } = start<Progress>([
    'host',
    yaml,
    '--out',
    run.root,
    '--port',
    '0',
    '--stay',
  ])
  const { link, page, admin } = await seen('ready')
  expect(page).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#join=/)
  expect(admin).toMatch(/#admin=/)
  await volunteerToTheEnd(run, link)
  const { adapter } = await seen('staying')
  expect(adapter.startsWith(run.root)).toBe(true)
  const answerOf = (path: string) => fetch(new URL(path, page!))
  expect(await (await answerOf('/')).text()).toContain('<title>')
  expect(await (await answerOf('/metrics')).text()).toMatch(/^barnraise_round 1$/m)
  child.kill('SIGINT')
  expect(await child.exited, child.complaints()).toBe(0)
})

test("a run's folder is enough to go on with it: its run.yaml and data may be gone", async () => {
  const run = await prepareSmallRun({ max_steps: 4 }, { round_batches: 4 })
  await rm(join(run.root, '..', 'text.txt'))
  const moved = runFolder(join(await temporaryFolder(), 'moved'))
  await cp(run.root, moved.root, { recursive: true })
  await rm(run.root, { recursive: true })
  const { child, seen } = start<Progress>(['host', moved.root, '--port', '0'])
  const { link } = await seen('ready')
  await volunteerToTheEnd(moved, link)
  expect(await child.exited, child.complaints()).toBe(0)
  expect(await readFile(join(moved.adapter, 'README.md'), 'utf8')).toContain('in 1 round with')
  expect(child.complaints()).toContain(`adapter_from: ${moved.root}`)
})

test('with --tunnel the page and the link lead through it', async () => {
  const run = await prepareSmallRun({ max_steps: 4 }, { round_batches: 4 })
  const [from, to] = [await freePort(), await freePort()]
  const tunnel = standInTunnel({ from, to, pidFile: join(run.root, 'pid') })
  const args = ['host', run.root, '--port', String(to), '--tunnel', tunnel]
  const { child, seen } = start<Progress>(args)
  const { link, page } = await seen('ready')
  expect(page).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${from}/#join=`))
  const [first = '', ...others] = parseLink(link).addresses
  expect(first).toContain(`/tcp/${from}/ws/p2p/`)
  expect(others.every((address) => !address.includes(`/tcp/${from}/`))).toBe(true)
  expect((await readFile(run.link, 'utf8')).trim()).toBe(link)
  await volunteerToTheEnd(run, { ...parseLink(link), addresses: [first] })
  expect(await child.exited, child.complaints()).toBe(0)
})

test('a host that is killed leaves no tunnel open', async () => {
  const run = await prepareSmallRun()
  const [from, to] = [await freePort(), await freePort()]
  const pidFile = join(run.root, 'pid')
  const tunnel = standInTunnel({ from, to, pidFile })
  const { child, seen } = start<Progress>([
    'host',
    run.root,
    '--port',
    String(to),
    '--tunnel',
    tunnel,
  ])
  await seen('ready')
  child.kill('SIGKILL')
  const pid = Number(await readFile(pidFile, 'utf8'))
  const isThere = () => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await expect.poll(isThere, { timeout: 120_000 }).toBe(false)
})

for (const [what, args, said] of [
  ['comes to nothing', ['--port', '0', '--tunnel', 'exit 3'], "'--port' must be the one"],
  ['ends', ['--tunnel', 'echo no such account; exit 3'], 'it said: no such account'],
] as const) {
  test(`a tunnel that ${what} is told, and the run is kept`, async () => {
    const run = await prepareSmallRun()
    const port = args[0] === '--port' ? [] : ['--port', String(await freePort())]
    const { child } = start<Progress>(['host', run.root, ...port, ...args])
    expect(await child.exited).toBe(2)
    expect(child.complaints()).toContain(said)
  })
}
