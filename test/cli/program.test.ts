/** The program as a user types it: what it prints, where, and the code that it ends with. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { exitCodeOf, messageOf } from '../../node/cli/failure.ts'
import { runProgram } from '../../node/cli/program.ts'
import { EXIT } from '../../node/exit-code.ts'
import { ModelError } from '../../node/model/errors.ts'
import { NetworkError } from '../../node/network/errors.ts'
import { VERSION } from '../../node/software.ts'
import { StorageError } from '../../node/storage/errors.ts'
import { ConfigError, ProtocolError, VersionError } from '../../protocol/index.ts'
import { smallText, temporaryFolder } from '../roles/swarm.ts'

interface Heard {
  out: string
  err: string
  code: number
}

const heard: Heard = { out: '', err: '', code: 0 }

beforeEach(() => {
  Object.assign(heard, { out: '', err: '', code: 0 })
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    heard.out += String(text)
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    heard.err += String(text)
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

async function run(...words: string[]): Promise<Heard> {
  process.exitCode = 0
  await runProgram(['node', 'barnraise', ...words])
  heard.code = Number(process.exitCode)
  process.exitCode = 0
  return heard
}

const YAML = 'name: sea\ndatasets:\n  - path: text.txt\nsequence_len: 16\n'

/** A folder with a run.yaml and what it names. */
async function workplace(): Promise<string> {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'run.yaml'), YAML)
  writeFileSync(join(folder, 'dora.yaml'), `${YAML}peft_use_dora: true\n`)
  writeFileSync(join(folder, 'text.txt'), smallText(60))
  const pair = '{"prompt":"a","chosen":" b","rejected":" c"}\n'
  writeFileSync(join(folder, 'pairs.jsonl'), pair.repeat(200))
  const rated = YAML.replace('text.txt', 'pairs.jsonl').replace('16', '64')
  writeFileSync(join(folder, 'rated.yaml'), `${rated}rl: dpo\n`)
  const answer = '"prompt": "Who? ", "completion": "Ishmael."'
  const rows = `{${answer}, "weight": 3}\n${`{${answer}}\n`.repeat(20)}`
  writeFileSync(join(folder, 'weighted.jsonl'), rows)
  const weighted = YAML.replace('text.txt', 'weighted.jsonl\n    weight: 0.5')
  writeFileSync(join(folder, 'weighted.yaml'), weighted)
  for (const name of ['empty', 'new', 'gone']) mkdirSync(join(folder, name))
  // Folders of runs, of which one was hosted.
  for (const name of ['new', 'gone']) writeFileSync(join(folder, name, 'run-config.bin'), '')
  mkdirSync(join(folder, 'published'))
  for (const name of ['run-config.bin', 'publication.json']) {
    writeFileSync(join(folder, 'published', name), '')
  }
  writeFileSync(join(folder, 'gone', 'link'), `barnraise:${PAGE_LINK}\n`)
  return folder
}

const LINK = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const PAGE_LINK = LINK.replace('/p2p', '/ws/p2p')

for (const [words, code, ...said] of [
  ['--help', 0, 'Start here:', 'Exit codes:', ...Object.values(EXIT).map((code) => ` ${code} `)],
  ['--version', 0, VERSION],
  ['join --help', 0, 'Being a good guest:', '--dedicated'],
  ['', 2, 'Start here:'],
  ['jion LINK', 2, "unknown command 'jion'", 'Did you mean join?'],
  ['kick', 2, "missing required argument 'run'"],
  ['join hello', 2, '"hello" is no multiaddr', 'Copy it whole from the organiser'],
  [`join ${LINK} --name=  `, 2, 'It must have letters'],
  [`join ${LINK} --threads 0`, 2, 'It must be a whole number above 0'],
  [`join ${LINK} --memory much`, 2, 'It must be a size, as 900MB or 2GB'],
  ['join http://127.0.0.1:1/', 2, 'it lacks what follows #join='],
  ['join http://127.0.0.1:1/#admin=w', 2, "it is the organiser's own"],
  // Whoever asks once hears the same of a run that cannot be reached, by whichever link.
  ...[
    ['status http://127.0.0.1:1/#join=aa.bb', 'http://127.0.0.1:1'],
    ['watch http://127.0.0.1:1/#join=aa.bb', 'http://127.0.0.1:1/'],
    [`status barnraise:${LINK}`, '127.0.0.1:1'],
    [`watch barnraise:${PAGE_LINK}`, '127.0.0.1:1'],
    [`watch barnraise:${LINK}`, '127.0.0.1:1'],
  ].map(
    ([words, place]) =>
      [words, 4, `Cannot reach the run at ${place} (`, '). Is it still going on?'] as const,
  ),
  ['check FOLDER/none.yaml', 2, "'FOLDER/none.yaml' as there is no such file. Give the path of"],
  ['check FOLDER/empty', 2, "Cannot read 'FOLDER/empty' as it is a folder. Give the path of"],
  ['check FOLDER/run.yaml', 0, 'embedded', 'volunteer needs', 'run ends'],
  ['check FOLDER/dora.yaml', 0, 'rank 8 with magnitudes (DoRA) on q, k, v'],
  ['check FOLDER/run.yaml --json', 0, '"runId":', '"memoryBytes":'],
  ['data preview FOLDER/run.yaml', 0, 'completion, as its first row tells', 'to train on'],
  [
    'check FOLDER/rated.yaml',
    0,
    '200 pairs, ',
    'dpo, beta 0.1',
    'a forward pass more in each step, and 393.2 kB of its memory',
    'of 128 tokens, of which an answer with its prompt has 64 at most',
  ],
  [
    'data preview FOLDER/weighted.yaml --rows 2',
    0,
    'weighted.jsonl:1: 12 tokens, 8 learned, weight 3\n',
    'weighted.jsonl:2: 12 tokens, 8 learned\n',
    "0.5, and a row's own times that",
  ],
  ['host FOLDER/run.yaml --announce nonsense', 2, "'--announce' must be a multiaddr"],
  ['host FOLDER/run.yaml --port 65535', 2, 'A port is a whole number from 0 to 65534'],
  ['host FOLDER/none.yaml --announce nonsense', 2, "'--announce' must be a multiaddr"],
  ['host FOLDER/run.yaml --port 0 --out FOLDER/text.txt/run', 1, 'a part of its path is a file'],
  ['export FOLDER/empty', 2, "Cannot open a run in 'FOLDER/empty'"],
  ['export FOLDER --round 0', 2, 'Round 0 is what the run began with'],
  ['verify FOLDER/empty', 2, 'it has no run-config.bin'],
  [
    'verify FOLDER/none',
    2,
    "'FOLDER/none' as there is no such file or folder: give the folder of a run",
  ],
  ['verify FOLDER/run.yaml', 2, 'it is a file that says what to train, and no run. Give the'],
  ['credit FOLDER/text.txt', 2, "in 'FOLDER/text.txt': it is a file, and no run. Give the folder"],
  ...['export FOLDER/run.yaml', 'status FOLDER/run.yaml', 'watch FOLDER/run.yaml'].map(
    (words) => [words, 2, 'it is a file that says what to train, and no run. Give the'] as const,
  ),
  ...[
    'kick FOLDER/published ada',
    'rewind FOLDER/published --round 1',
    'export FOLDER/published',
    'host FOLDER/published --port 0',
    'publish FOLDER/published -o FOLDER/again',
    'status FOLDER/published',
    'watch FOLDER/published',
  ].map((words) => [words, 2, 'what `barnraise publish` made', 'of the run itself'] as const),
  [`kick FOLDER/new ada --reason ${'x'.repeat(257)}`, 2, 'at most 256 characters: it has 257'],
  ['kick FOLDER/new ada --reason a\nb', 2, 'It must be one line of text'],
  ['relay --allow foo', 2, 'It must be the id of a coordinator'],
  ['export FOLDER --format foo', 2, 'export --help'],
  ['simulate --replay FOLDER --out FOLDER/x', 2, "leave '--out' or '--replay' out"],
  ['status FOLDER/none', 2, 'nor a file or folder here'],
  ['check FOLDER/run.yaml --memory 5MB', 0, "'--memory' must be at least"],
  ['init -y --no-open --out FOLDER/sample.yaml', 0, 'so it learns a sample, npm:@stdlib'],
  ['init --out FOLDER/run.yaml', 2, 'it is there already'],
  [
    'init -y --data FOLDER/text.txt --out FOLDER/new.yaml',
    0,
    'sequence_len is 64',
    ' check FOLDER/',
  ],
  ['init -y --data text.txt --out FOLDER/new.yaml --json', 0, '"file":"FOLDER/new.yaml"'],
  ['init -y --data none.txt --out FOLDER/new.yaml', 2, 'none.txt'],
  [
    'eval --model embedded --data FOLDER/pairs.jsonl',
    2,
    "'FOLDER/pairs.jsonl' as its rows rate answers",
    "the folder of a run with 'rl'",
  ],
  ['init -y --rl ipo --data text.txt --no-open --out FOLDER/new.yaml', 0, 'Wrote FOLDER/new.yaml'],
  ['init -y --rl ipo --data FOLDER/text.txt --out FOLDER/new.yaml', 2, "as 'rl' learns from"],
  ['init -y --data none.txt --out FOLDER/new.yaml --no-open', 0, 'data preview FOLDER/new.yaml'],
  [
    'init --from FOLDER/none.yml --out FOLDER/new.yaml',
    2,
    "Cannot read 'FOLDER/none.yml' as there is no such file: give the file of a configuration",
  ],
  ['init --from FOLDER/empty --out FOLDER/new.yaml', 2, "'FOLDER/empty' as it is a folder: give"],
  ['watch FOLDER/new', 2, "the run in 'FOLDER/new' as nobody has hosted it yet", 'host FOLDER/new'],
  ['watch FOLDER/gone', 4, "the run in 'FOLDER/gone' as nobody hosts it now", 'host FOLDER/gone'],
  ['pause never', 2, 'It must be a time above 0, as 90s, 30m, 2h or 1d'],
  ['generate --model embedded', 2, "required option '-p, --prompt <text>' not specified"],
  ['logits --model embedded --ids 1,x', 2, 'They are whole numbers, 0 or more'],
  ['logits --model embedded --ids 99999', 2, "'ids' must be below 2048"],
] as (readonly [words: string, code: number, ...said: string[]])[]) {
  test(`barnraise ${words}: ${code}`, async () => {
    const folder = words.includes('FOLDER') ? await workplace() : ''
    const given = words.split(' ').filter((word) => word !== '')
    const {
      out,
      err,
      code: ended,
    } = await run(...given.map((word) => word.replace('FOLDER', folder)))
    for (const part of said) expect(out + err).toContain(part.replace('FOLDER', folder))
    expect(ended, out + err).toBe(code)
    // What the system says is told once, in words.
    const told = folder === '' ? err : err.replaceAll(folder, 'FOLDER')
    expect(told).not.toMatch(/\bE[A-Z]{4,}\b/)
    expect(err).not.toMatch(/^ {4}at /m)
    if (code !== 0) expect(out).toBe('')
  })
}

test('whoever is not asked hears it, unless they said so', async () => {
  const folder = await workplace()
  const init = ['init', '--no-open', '--data', 'text.txt', '--out']
  expect((await run(...init, join(folder, 'a.yaml'))).err).toContain('so nothing is asked')
  heard.err = ''
  expect((await run(...init, join(folder, 'b.yaml'), '-y')).err).not.toContain('asked')
})

test('data is named from where one stands, and found from where run.yaml lies', async () => {
  const folder = await workplace()
  const there = relative(process.cwd(), folder)
  const words = ['init', '-y', '--no-open', '--out', join(folder, 'new', 'run.yaml'), '--data']
  for (const [data, path] of [
    [join(there, 'text.txt'), '../text.txt'],
    [join(there, '*.txt'), '../*.txt'],
    ['org/name', 'org/name'],
  ] as const) {
    expect((await run(...words, data)).code).toBe(0)
    const written = readFileSync(join(folder, 'new', 'run.yaml'), 'utf8')
    expect(written).toContain(`path: ${path}\n`)
    rmSync(join(folder, 'new', 'run.yaml'))
  }
})

test('a talk without a word says how to begin one', async () => {
  const main = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
  const loader = ['--import', import.meta.resolve('tsx')]
  const words = ['chat', '--model', 'embedded']
  const child = spawn(process.execPath, [...loader, main, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaints = ''
  child.stderr?.on('data', (text) => {
    complaints += text
  })
  const [code] = await once(child, 'close')
  expect(complaints).toContain('Nothing was said: lines on stdin are answered')
  expect(code).toBe(0)
})

test('a simulation says whose it is, and leaves the folder of other things alone', async () => {
  const folder = await workplace()
  const words = ['simulate', '--volunteers', '2', '--days', '0.01', '--out']
  const refused = await run(...words, folder)
  expect(refused.err).toContain('holds other things (dora.yaml): give a new folder')
  expect(refused.code).toBe(2)
  const report = join(folder, 'a', 'report')
  for (const time of ['the first time', 'over an earlier one']) {
    Object.assign(heard, { out: '', err: '' })
    const { out, err, code } = await run(...words, report)
    expect(out, time).toContain('volunteers: 2 of the preset seti-like')
    expect(code, err).toBe(0)
  }
})

for (const words of [
  '',
  '--out FOLDER/report',
  '--plan',
  '--compare FOLDER/run.yaml FOLDER/run.yaml',
]) {
  test(`simulate --json ${words}: JSON alone on stdout, the rest beside it`, async () => {
    const folder = await workplace()
    const given = words.split(' ').filter((word) => word !== '')
    const few = ['simulate', '--json', '--volunteers', '2', '--days', '0.01']
    const { out, err, code } = await run(
      ...few,
      ...given.map((word) => word.replace('FOLDER', folder)),
    )
    expect(code, err).toBe(0)
    expect(JSON.parse(out)).toBeInstanceOf(Object)
    expect(err).toContain('seed=1\n')
  })
}

test('a port that is taken is found before the data is read', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { err, code } = await run('host', 'none.yaml', '--port', String(port))
  expect(err).toContain(`Cannot listen on /ip4/127.0.0.1/tcp/${port}/ws: another program has this`)
  expect(code).toBe(2)
})

for (const [party, error, code] of [
  ['the operator', new ConfigError('no'), 2],
  ['the network', new NetworkError('lost', 'no'), 4],
  ['another version', new VersionError('no'), 5],
  ['a peer', new ProtocolError('malformed', 'no'), 1],
  ['the disk', new StorageError('failed', 'no'), 1],
  ['a model file', new ModelError('malformed', 'no'), 2],
] as const) {
  test(`what ${party} is at fault for is a sentence, and the exit code is ${code}`, () => {
    expect(messageOf(error)).toBe('no')
    expect(exitCodeOf(error)).toBe(code)
  })
}

test('what we are at fault for is told with the stack, whatever it is called', () => {
  const bug = Object.assign(new Error('oops'), { name: 'ModelError' })
  expect(messageOf(bug)).toMatch(/oops\n {4}at /)
})

test('whoever has read enough ends the program, in silence', async () => {
  const main = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
  const loader = ['--import', import.meta.resolve('tsx')]
  const words = ['logits', '--model', 'embedded', '--ids', '1', '--json']
  const child = spawn(process.execPath, [...loader, main, ...words])
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  child.stdout.destroy()
  const [code] = await once(child, 'close')
  expect([code, complaints]).toEqual([0, ''])
})

for (const [script, stands, expected] of [
  ['barnraise', 'elsewhere', 'elsewhere/run.yaml'],
  ['test', 'elsewhere', 'here/run.yaml'],
] as const) {
  test(`started as '${script}', paths are meant from ${expected.split('/')[0]}`, async () => {
    const folder = await temporaryFolder()
    for (const name of ['here', 'elsewhere']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, expected), 'oops: 1')
    const main = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
    const loader = ['--import', import.meta.resolve('tsx')]
    const child = spawn(process.execPath, [...loader, main, 'check', 'run.yaml'], {
      cwd: join(folder, 'here'),
      env: { ...process.env, npm_lifecycle_event: script, INIT_CWD: join(folder, stands) },
    })
    let complaints = ''
    child.stderr.on('data', (text) => {
      complaints += text
    })
    const [code] = await once(child, 'close')
    expect(complaints).toContain("run.yaml:1:1 Unknown key 'oops'")
    expect(code).toBe(2)
  })
}
