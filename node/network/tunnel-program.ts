/** The program of a tunnel, started by the user's shell and heard for the sites that it names. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { platform } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

export interface Program {
  /** The sites that it has named so far, the newest last. */
  addresses: ReadonlySet<string>
  /** What it said last. */
  words(): string
  /** How it ended, as `ended with 1`; null: it has not. */
  how(): string | null
  ended: Promise<void>
  /** Ends it, with all that it started and that has not gone off by itself. */
  stop(): Promise<void>
}

const ADDRESSES_MAX = 16
const WORDS_MAX = 300
/** A line beyond that names nothing that is ours. */
const LINE_MAX = 4_096
/** It has this long to end by itself when it is told to. */
const END_MS = 2_000

const isPosix = platform() !== 'win32'

/**
 * The shell first starts what ends the group once nobody holds the other end of its fourth file:
 * also a host that was killed leaves no tunnel open. The command does not get that file.
 */
const WATCH =
  '(trap "" TERM; read _ <&3; kill -TERM 0; sleep 2; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-'

/** @param port on this machine, where it leads to */
export function startProgram(command: string, port: number): Program {
  // A group of its own: Ctrl-C is for the host, which needs its tunnel until it has ended.
  const child = spawn(isPosix ? `${WATCH}\n${command}` : command, {
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: isPosix,
  })
  const addresses = new Set<string>()
  let words = ''
  const hear = (line: string) => {
    words = `${words}\n${line}`.slice(-WORDS_MAX)
    for (const address of sitesIn(line.slice(0, LINE_MAX), port)) {
      // The newest comes last, and the oldest is forgotten.
      addresses.delete(address)
      addresses.add(address)
      if (addresses.size > ADDRESSES_MAX) addresses.delete([...addresses][0]!)
    }
  }
  const outputs = [child.stdout, child.stderr].filter((output) => output !== null)
  for (const input of outputs) createInterface({ input }).on('line', hear)
  // What goes on in the background holds them open; what is left in silence is ended.
  let open = outputs.length
  for (const output of outputs) {
    output.on('close', () => {
      open -= 1
      if (open === 0) child.stdio[3]?.destroy()
    })
  }
  let how: string | null = null
  const ended = new Promise<void>((resolve) => {
    child.on('error', ({ message }) => {
      how = `could not be started: ${message}`
      resolve()
    })
    child.on('close', (code, name) => {
      how ??= `ended with ${name ?? code}`
      resolve()
    })
  })
  const kill = (signal: NodeJS.Signals) => signalAll(child, signal)
  // A second Ctrl-C leaves no tunnel open.
  const killNow = () => kill('SIGKILL')
  process.on('exit', killNow)
  void ended.then(() => process.off('exit', killNow))
  return {
    addresses,
    words: () => words.trim(),
    how: () => how,
    ended,
    stop: async () => {
      if (how === null) kill('SIGTERM')
      await Promise.race([ended, delay(END_MS, null, { ref: false })])
      if (how === null) killNow()
      await Promise.race([ended, delay(END_MS, null, { ref: false })])
      // What has left the group may hold its output open, and is heard no longer.
      for (const output of outputs) output.destroy()
    },
  }
}

/** The shell and what it started. */
function signalAll(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (isPosix) process.kill(-child.pid, signal)
    else spawnSync('taskkill', ['/PID', String(child.pid), '/T', '/F'])
  } catch {
    // They are gone.
  }
}

/**
 * The sites that a line names: pages within one are what a program refers its user to, and the port
 * of this machine that it leads to is no way from elsewhere.
 */
export function sitesIn(line: string, port: number): string[] {
  const found = line.match(/https?:\/\/[^\s"'`<>|,()\\]+/g) ?? []
  return found
    .filter((text) => URL.canParse(text))
    .map((text) => new URL(text))
    .filter(({ href, origin }) => href === `${origin}/`)
    .filter((site) => !(HERE.test(site.hostname) && site.port === String(port)))
    .map(({ href }) => href)
}

const HERE = /^(localhost|0\.0\.0\.0|127\.[\d.]+|\[::1?\])$/
