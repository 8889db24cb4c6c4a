/** Files for systemd and launchd, and what they start, read as their manuals say. */
import { expect, test } from 'vitest'
import { LOG_VARIABLE } from '../../node/guest/bounded-log.ts'
import { launchAgent, systemdUnit } from '../../node/guest/service-file.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { argumentsOf, unitWords } from './service-reading.ts'

const COMMAND = [
  '/opt/node 26/bin/node',
  'main.ts',
  'join',
  'barnraise:/ip4/1.2.3.4/tcp/1#run.token',
  '--name',
  `Ada's "big" <box> ]]> & 100% $HOME \${X} \\ back`,
  '--hours',
  '22-7',
  '',
]
const SERVICE = {
  role: 'volunteer' as const,
  command: COMMAND,
  folder: '/home/ada/50% done',
  environment: { HF_HOME: '/data/"hf" $x %h', XDG_CACHE_HOME: '/c' },
}

const files = {
  systemd: systemdUnit,
  launchd: (service: typeof SERVICE) => launchAgent('org.barnraise.x', service, '/log'),
}

for (const [name, write] of Object.entries(files)) {
  test(`${name} starts the command as it was given`, () => {
    expect(argumentsOf(write(SERVICE))).toEqual(COMMAND)
  })

  for (const [what, wrong] of [
    ['a line break in the command', { command: ['a\nExecStart=b'] }],
    ['a control character in the folder', { folder: '/a\u0007' }],
    ['one in a variable', { environment: { A: 'x\r' } }],
  ] as const) {
    test(`${name} refuses ${what}`, () => {
      expect(() => write({ ...SERVICE, ...wrong } as typeof SERVICE)).toThrow(ConfigError)
    })
  }
}

test('a unit for systemd', () => {
  const lines = systemdUnit(SERVICE).split('\n')
  expect(lines).toContain('WorkingDirectory=/home/ada/50%% done')
  const variables = lines.filter((line) => line.startsWith('Environment='))
  expect(variables.map((line) => unitWords(line.slice('Environment='.length)))).toEqual([
    ['HF_HOME=/data/"hf" $x %h'],
    ['XDG_CACHE_HOME=/c'],
  ])
  for (const line of ['Nice=19', 'Restart=on-failure', 'RestartPreventExitStatus=2 5 6']) {
    expect(lines).toContain(line)
  }
})

test('a host is no guest of its machine', () => {
  const host = { ...SERVICE, role: 'host' as const }
  const unit = systemdUnit(host)
  expect(unit).toContain('Description=Barnraise host')
  expect(unit).not.toMatch(/Nice|idle|Weight|OOM/)
  // A port that is taken now may be free in a minute.
  expect(unit).toMatch(/^Restart=on-failure\nRestartSec=60$/m)
  expect(unit).not.toContain('RestartPreventExitStatus')
  expect(launchAgent('org.barnraise.x', host, '/log')).not.toMatch(/Nice|Background|LowPriority/)
})

test('an agent for launchd', () => {
  const text = launchAgent('org.barnraise.x', SERVICE, '/Users/ada/Library/Logs/x.log')
  const flat = text.replaceAll(/\s*\n\s*/g, '')
  for (const part of [
    '<key>Label</key><string>org.barnraise.x</string>',
    '<key>WorkingDirectory</key><string>/home/ada/50% done</string>',
    '<key>HF_HOME</key><string>/data/"hf" $x %h</string>',
    '<key>Nice</key><integer>19</integer>',
    // By it the service knows which file it keeps small.
    `<key>${LOG_VARIABLE}</key><string>/Users/ada/Library/Logs/x.log</string>`,
    '<key>StandardErrorPath</key><string>/Users/ada/Library/Logs/x.log</string>',
  ]) {
    expect(flat).toContain(part)
  }
})
