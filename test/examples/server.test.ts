/** examples/server names ports, paths, commands and scripts of the project as they are. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { createProgram } from '../../node/cli/program.ts'

const FOLDER = 'examples/server'
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

interface Service {
  command?: string
  volumes?: string[]
  network_mode?: string
  logging?: object
}

const { services, volumes: named } = parse(read('compose.yaml')) as {
  services: Record<'host' | 'caddy' | 'prometheus' | 'grafana', Service>
  volumes: Record<string, unknown>
}
const dockerfile = read('Dockerfile')
const { scripts, engines } = JSON.parse(readFileSync('package.json', 'utf8'))

const hostCommand = () =>
  createProgram([])
    .commands.find((command) => command.name() === 'host')!
    .exitOverride()

/** The options of the words that a container is started with. */
function optionsOf(words: readonly string[]): Record<string, unknown> {
  expect(words[0]).toBe('host')
  const command = hostCommand()
  command.action(() => {}).parse(words.slice(1), { from: 'user' })
  return command.opts()
}

test('the host is started by words that it knows, at the port that all others come by', () => {
  const words = services.host.command!.replace(/\$\{DOMAIN\}/, 'run.example.org').split(' ')
  const { port, announce, out, stay } = optionsOf(words)
  expect(announce).toEqual(['https://run.example.org'])
  expect({ out, stay }).toEqual({ out: '/data/run', stay: true })
  expect(read('Caddyfile')).toContain(`reverse_proxy 127.0.0.1:${port}`)
  expect(read('prometheus.yml')).toContain(`127.0.0.1:${port}`)
  expect(dockerfile).toContain(`http://127.0.0.1:${port}/metrics`)
  expect(dockerfile).toContain(`EXPOSE ${port} ${Number(port) + 1}`)
})

test('what comes through a proxy comes from the host itself, and so do its metrics', () => {
  expect(services.caddy.network_mode).toBe('service:host')
  expect(services.prometheus.network_mode).toBe('service:host')
  expect(read('grafana/datasource.yaml')).toContain('url: http://host:9090')
})

test('each file that a container gets is there, and each volume has a name', () => {
  const mounts = Object.values(services).flatMap(({ volumes = [] }) => volumes)
  const sources = mounts.map((mount) => mount.replace(/\$\{\w+:-(.*?)\}/, '$1').split(':')[0]!)
  expect(sources.length).toBeGreaterThan(8)
  const files = sources.filter((source) => source.startsWith('.'))
  expect(files.filter((file) => !existsSync(resolve(FOLDER, file)))).toEqual([])
  const others = sources.filter((source) => !source.startsWith('.'))
  expect(new Set(others)).toEqual(new Set(Object.keys(named)))
})

test('what each container prints is bounded', () => {
  for (const { logging } of Object.values(services)) {
    expect(logging).toEqual({
      driver: 'json-file',
      options: { 'max-size': expect.stringMatching(/^\d+m$/), 'max-file': '3' },
    })
  }
})

test('the image is built by scripts that are there, on a Node that is new enough', () => {
  const run = [...dockerfile.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script!)
  expect(run).toEqual(['build'])
  for (const script of run) expect(scripts).toHaveProperty(script)
  const nodes = [...dockerfile.matchAll(/^FROM node:(\d+)-slim/gm)].map(([, major]) =>
    Number(major),
  )
  const [oldest] = /\d+/.exec(engines.node)!
  expect(nodes).toHaveLength(2)
  for (const major of nodes) expect(major).toBeGreaterThanOrEqual(Number(oldest))
})

test('the commands that its README names are commands', () => {
  const known = new Set(createProgram([]).commands.map((command) => command.name()))
  const said = [...read('README.md').matchAll(/barnraise (?=[a-z])([a-z]+)/g)].map(
    ([, name]) => name!,
  )
  expect(said.length).toBeGreaterThan(3)
  expect(said.filter((name) => !known.has(name))).toEqual([])
})
