/** `barnraise service host` and `service remove` when the run is over. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { host, install, remove } from '../../node/cli/service.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'

const PEERS = [
  '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5',
  '12D3KooWGjMCwCzkyMKpEwCqSsMr9YQaLxxzGqQnTqKQpUqXXz7v',
]

/** Has a home of its own. @returns the JSON values that commands print */
async function useHome(): Promise<{ path: string; stop: string[] }[]> {
  const home = await temporaryFolder()
  for (const name of ['HOME', 'XDG_CONFIG_HOME']) vi.stubEnv(name, home)
  const printed: { path: string; stop: string[] }[] = []
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(JSON.parse(String(text)))
    return true
  })
  onTestFinished(() => {
    vi.unstubAllEnvs()
    out.mockRestore()
  })
  return printed
}

/** The page of a run, until it is over. */
async function servePage(coordinator: string): Promise<{ page: string; end(): Promise<void> }> {
  const server = createServer((_, response) => response.end(JSON.stringify({ coordinator })))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const end = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { page: `http://127.0.0.1:${address.port}/`, end }
}

test('a service is removed by its link when the page is gone, and no other is', async () => {
  const printed = await useHome()
  const links: string[] = []
  for (const peer of PEERS) {
    const { page, end } = await servePage(peer)
    // Characters that both kinds of file write in their own way.
    const link = `${page}#join=0123456789abcdef.a%20b&name="$1"`
    await install(link, [link, '--dedicated'], { json: true })
    await end()
    links.push(link)
  }
  const [first, second] = printed.map(({ path }) => path)
  expect(first).not.toBe(second)
  await remove(links[1]!, { json: true })
  expect(printed[2]).toMatchObject({ path: second })
  expect([first, second].map((path) => existsSync(path!))).toEqual([true, false])

  const again = remove(links[1]!, { json: true })
  await expect(again).rejects.toThrow(ConfigError)
  await expect(again).rejects.toThrow("must be that of 'service install'")
})

test('a host is installed while its run goes on, and afterwards for its pages alone', async () => {
  const printed = await useHome()
  const run = await prepareSmallRun()
  const options = { port: 4001, threads: 1, memory: 1e9, json: true }
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await host(run.root, [run.root], options)
  expect(existsSync(printed[0]!.path)).toBe(true)
  await hosted.finished
  await hosted.stop()
  const again = host(run.root, [run.root], options)
  await expect(again).rejects.toThrow(ConfigError)
  await expect(again).rejects.toThrow(
    "as it is over, and its host would end at once: give '--stay'",
  )
  await host(run.root, [run.root, '--stay'], { ...options, stay: true })
  expect(printed).toHaveLength(2)
})
