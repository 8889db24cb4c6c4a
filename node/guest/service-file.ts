/**
 * A volunteer, or the host of a run, as a service of this user, as files for systemd
 * (systemd.service(5), systemd.exec(5)) and launchd (launchd.plist(5)): started at login, started
 * again after a crash, not after an end of its own. Pure: values in, text out.
 */
import { ConfigError } from '../../protocol/index.ts'
import { LOG_VARIABLE } from './bounded-log.ts'

export interface Service {
  /** A volunteer takes what is left of the machine; others wait for a host. */
  role: 'volunteer' | 'host'
  /** The program and its arguments. */
  command: readonly string[]
  /** What relative paths among them start from. */
  folder: string
  environment: Readonly<Record<string, string>>
}

const WRITTEN_BY = 'Written by `barnraise service`, which replaces it when called again.'
/** A crash is no reason to hurry. */
const RESTART_SECONDS = 60
/** Leaving hands in what is done, and a merge is waited for: a minute at most. */
const STOP_SECONDS = 90

/** A guest of the machine comes last: systemd.exec(5), systemd.resource-control(5). */
const GUEST_LINES = `Nice=19
IOSchedulingClass=idle
CPUWeight=20
OOMScoreAdjust=500
`

/** @throws ConfigError when a value has a control character; so does the next one */
export function systemdUnit({ role, command, folder, environment }: Service): string {
  const words = command.map(unitArgument)
  const variables = Object.entries(environment)
    .map(([name, value]) => `Environment=${unitWord(`${name}=${value}`)}\n`)
    .join('')
  return `# ${WRITTEN_BY}
[Unit]
Description=Barnraise ${role}

[Service]
ExecStart=${words.join(' ')}
WorkingDirectory=${checked(folder).replaceAll('%', '%%')}
${variables}${role === 'volunteer' ? GUEST_LINES : ''}Restart=on-failure
RestartSec=${RESTART_SECONDS}
${role === 'volunteer' ? GUEST_END : ''}TimeoutStopSec=${STOP_SECONDS}

[Install]
WantedBy=default.target
`
}

/** A word of the command. Only there is $ the sign of a variable. */
export function unitArgument(word: string): string {
  return unitWord(word).replaceAll('$', '$$$$')
}

/** A word in double quotes, as systemd.syntax(7) reads them. */
function unitWord(word: string): string {
  return `"${checked(word).replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`
}

/** A host tries again: a port may be free by then, and a network there. */
const GUEST_END = `# Wrong options, another version, not let in: the same would come of it.
RestartPreventExitStatus=2 5 6
`

const GUEST_KEYS = `
    <key>ProcessType</key>
    <string>Background</string>
    <key>LowPriorityIO</key>
    <true/>
    <key>Nice</key>
    <integer>19</integer>`

/** @param log the file that keeps what it says, which the service itself keeps small */
export function launchAgent(label: string, service: Service, log: string): string {
  const { role, command, folder } = service
  const environment = { ...service.environment, [LOG_VARIABLE]: log }
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
  "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${WRITTEN_BY} -->
<plist version="1.0">
  <dict>
    <key>Label</key>
    ${xmlString(label)}
    <key>ProgramArguments</key>
    <array>${command.map((word) => `\n      ${xmlString(word)}`).join('')}
    </array>
    <key>WorkingDirectory</key>
    ${xmlString(folder)}
    <key>EnvironmentVariables</key>
    <dict>${Object.entries(environment)
      .map(([name, value]) => `\n      <key>${name}</key>\n      ${xmlString(value)}`)
      .join('')}
    </dict>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
      <key>SuccessfulExit</key>
      <false/>
    </dict>
    <key>ThrottleInterval</key>
    <integer>${RESTART_SECONDS}</integer>
    <key>ExitTimeOut</key>
    <integer>${STOP_SECONDS}</integer>${role === 'volunteer' ? GUEST_KEYS : ''}
    <key>StandardErrorPath</key>
    ${xmlString(log)}
  </dict>
</plist>
`
}

/** A word of an agent. */
export function xmlString(value: string): string {
  const escaped = checked(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  // `]]>` may not stand in a text.
  return `<string>${escaped.replaceAll('>', '&gt;')}</string>`
}

function checked(value: string): string {
  if (!/\p{Cc}/u.test(value)) return value
  throw new ConfigError(
    'Cannot write a service as no value may have a control character: ' +
      `current value is ${JSON.stringify(value)}`,
  )
}
