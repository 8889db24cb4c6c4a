/** Invites from the command that makes them to the journal that knows who came by which. */
import { readFile } from 'node:fs/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test, vi } from 'vitest'
import { allow, invite, listInvites, revokeInvite } from '../../node/cli/invites.ts'
import { createProgram } from '../../node/cli/program.ts'
import { createLog } from '../../node/log.ts'
import { identityOf } from '../../node/network/identity.ts'
import { parseLink } from '../../node/network/link.ts'
import { judgeToken, writeInvite } from '../../node/roles/admission.ts'
import { openRun } from '../../node/run/open-run.ts'
import { type RunFolder, writeSecret } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import { digestOfText, exampleConfig } from '../protocol/example-config.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

/** A busy machine takes long. */
const PATIENT = { timeout: 120_000 }

/** A run that was hosted once, so that it has begun and its addresses are known. */
async function begunRun(swarm: Record<string, string>): Promise<RunFolder> {
  const run = await prepareSmallRun({}, { trust: 'everyone', ...swarm })
  const hosted = await hostRun(run)
  await expect.poll(() => hosted.status().evaluations.length, PATIENT).toBe(1)
  await writeSecret(run.link, hosted.link)
  await hosted.stop()
  return run
}

/** What a command prints with --json. */
async function printed<T>(work: () => Promise<void>): Promise<T> {
  const said: string[] = []
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.push(String(text))
    return true
  })
  await work().finally(() => spy.mockRestore())
  return JSON.parse(said.join('')) as T
}

const HOUR_MS = 3_600_000
type Made = { link: string; page: string | null; isHosted: boolean }
const make = (run: RunFolder, name: string, more: { members?: number } = {}) =>
  printed<Made>(() => invite(run.root, { name, expires: HOUR_MS, json: true, ...more }))
const list = (run: RunFolder) => printed<unknown[]>(() => listInvites(run.root, { json: true }))

test('whoever has an invite trains, as many as it has places; verify follows', async () => {
  const run = await begunRun({ admission: 'invites' })
  expect(await list(run)).toEqual([])
  const made = await make(run, 'class', { members: 1 })
  expect(made).toMatchObject({ isHosted: false, page: null })
  await expect(make(run, 'class')).rejects.toThrow("there is an invite 'class' already")
  expect(await list(run)).toMatchObject([{ name: 'class', link: made.link }])
  const { token } = parseLink(made.link)

  const full = Promise.withResolvers<void>()
  const log = createLog('info', (line) => {
    if (line.includes("all 1 places of the invite 'class' are taken")) full.resolve()
  })
  const hosted = await hostRun(run)
  const invited = { ...parseLink(hosted.link), token }
  const stranger = await joinRun(run, hosted.link, 'eve')
  expect(await stranger.exited).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('this run takes those who have an invite'),
  })
  await joinRun(run, invited, 'ada')
  await expect.poll(() => hosted.status().participantCount, PATIENT).toBe(1)
  await joinRun(run, invited, 'ben', { log })
  await full.promise
  const word = hosted.runId.slice(0, 16)
  for (const [given, isInvited] of [
    [`${word}.${token}`, true],
    [`${'0'.repeat(16)}.${token}`, false],
    [`${word}.${token.slice(0, -2)}`, false],
    [word, false],
    ['', false],
    [hosted.link.split('#')[1]!, false],
  ] as const) {
    expect(await hosted.isInvited(given), given).toBe(isInvited)
  }
  await hosted.finished
  await hosted.stop()

  expect((await verifyRun(run)).mismatches).toEqual([])
  const { state } = await openRun(run)
  expect(Array.from(state.records.values(), (record) => record.invite)).toEqual(['class'])
  expect(await list(run)).toMatchObject([{ name: 'class', membersMax: 1, isRevoked: false }])
  expect(await readFile(run.journal, 'latin1')).not.toContain(token)
  await revokeInvite(run.root, 'class', { json: false })
  await expect(revokeInvite(run.root, 'class', {})).rejects.toThrow('revoked already')
  expect(await list(run)).toMatchObject([{ name: 'class', isRevoked: true, link: null }])
})

test('who is on no list is told its id, and let in when the organiser adds it', async () => {
  const run = await prepareSmallRun({}, { trust: 'everyone', allow_list: '[]' })
  const told = Promise.withResolvers<string>()
  const log = createLog('info', (line) => {
    const [, peer] = /who may then allow it: (12D3KooW\w+)/.exec(line) ?? []
    if (peer !== undefined) told.resolve(peer)
  })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada', { log })
  const peer = await told.promise
  expect(await hosted.order({ type: 'allowed', peer })).toMatchObject({ accepted: true })
  await hosted.finished
  await hosted.stop()
  expect((await verifyRun(run)).mismatches).toEqual([])
  await expect(allow(run.root, peer, {})).rejects.toThrow('on the list already')
})

const config = exampleConfig()
const runId = runIdOf(config)
const identity = identityOf(await generateKeyPair('Ed25519'))
const other = identityOf(await generateKeyPair('Ed25519'))
const ADMISSION = { config, runId, token: 'of-the-run', identity }
const OPEN = { ...ADMISSION, config: exampleConfig({ admission: { kind: 'open' } }) }
const TERMS = { name: 'class', expiresAt: null, membersMax: 30 }
const valid = await writeInvite(ADMISSION, TERMS)

for (const [what, token, judged, admission = ADMISSION] of [
  ['the token of the run', 'of-the-run', { genuine: true }],
  ['an invite', valid, { genuine: true, invite: { name: 'class', isExpired: false } }],
  ['of an open run, an invite', valid, { genuine: true, invite: { name: 'class' } }, OPEN],
  [
    'an invite whose time is over',
    await writeInvite(ADMISSION, { ...TERMS, expiresAt: 1 }),
    { genuine: true, invite: { name: 'class', isExpired: true } },
  ],
  [
    "another coordinator's",
    await writeInvite({ runId, identity: other }, TERMS),
    { genuine: false },
  ],
  [
    "another run's",
    await writeInvite({ runId: digestOfText('other'), identity }, TERMS),
    { genuine: false },
  ],
  ['half of an invite', valid.slice(0, 40), { genuine: false }],
  ['none', '', { genuine: false }],
  ['of an open run, none', '', { genuine: true }, OPEN],
] as const) {
  test(`as a token, ${what}`, async () =>
    expect(await judgeToken(admission, token)).toMatchObject(judged))
}

test('an invite is no longer than a token may be', async () => {
  const longest = { name: 'n'.repeat(32), expiresAt: 2 ** 32 - 1, membersMax: 65_536 }
  expect((await writeInvite(ADMISSION, longest)).length).toBeLessThanOrEqual(256)
  await expect(writeInvite(ADMISSION, { ...TERMS, name: 'of two words' })).rejects.toThrow(
    /letters/,
  )
})

for (const [given, expires] of [
  [[], 7 * 24 * HOUR_MS],
  [['--expires', '12h'], 12 * HOUR_MS],
  [['--expires', 'never'], Number.POSITIVE_INFINITY],
] as const) {
  test(`an invite made with '${given.join(' ')}' ends after ${expires} ms`, async () => {
    const program = createProgram([])
    const make = program.commands.find((command) => command.name() === 'invite')!.commands[0]!
    const made = vi.fn()
    make.action((_run, options) => made(options.expires))
    await program.parseAsync(['node', 'barnraise', 'invite', 'runs/sea', '--name', 'a', ...given])
    expect(made).toHaveBeenCalledWith(expires)
  })
}

test('an invite that never ends has no end, and none ends after 32 bits', async () => {
  const run = await begunRun({ admission: 'link' })
  const forEver = { name: 'ada', expires: Number.POSITIVE_INFINITY, json: true }
  expect(await printed(() => invite(run.root, forEver))).toMatchObject({ expiresAt: null })
  const tooLong = { name: 'ben', expires: 1e13, json: true }
  await expect(invite(run.root, tooLong)).rejects.toThrow("'--expires' must end before 2106")
})
