/** What `barnraise update` makes of what npm says; this npm is a script of the test's. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { update } from '../../node/cli/update.ts'
import { VERSION } from '../../node/software.ts'
import { temporaryFolder } from '../roles/swarm.ts'

/** @param script what npm does; null: there is none */
async function useNpm(script: string | null): Promise<string[]> {
  const folder = await temporaryFolder()
  if (script !== null) {
    const file = join(folder, 'npm')
    await writeFile(file, `#!/bin/sh\n${script}\n`)
    await chmod(file, 0o755)
  }
  vi.stubEnv('PATH', folder)
  const printed: string[] = []
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text))
    return true
  })
  onTestFinished(() => {
    vi.unstubAllEnvs()
    out.mockRestore()
  })
  return printed
}

const [major = ''] = VERSION.split('.')

for (const [what, newest, expected] of [
  ['the same', VERSION, `${VERSION} is the newest there is\n`],
  ['an older one', '0.0.9', `${VERSION} is the newest there is\n`],
  [
    'a newer one',
    `${Number(major) + 1}.0.0`,
    `${Number(major) + 1}.0.0 is out, this is ${VERSION}: git pull && npm ci\n`,
  ],
  ['one whose number is longer', `${major}.1000.0`, expect.stringContaining('.1000.0 is out')],
] as const) {
  test(`npm has ${what}`, async () => {
    const printed = await useNpm(`[ "$1 $2 $3" = "view barnraise version" ] && echo ${newest}`)
    await update({})
    expect(printed).toEqual([expected])
    await update({ json: true })
    expect(JSON.parse(printed[1]!)).toMatchObject({ version: VERSION, newest })
  })
}

test('a package is installed where it was', async () => {
  const newest = `${Number(major) + 1}.0.0`
  const printed = await useNpm(`echo ${newest}`)
  await update({}, true)
  const how = `npm install barnraise@${newest} (with --global, if it was installed so)`
  expect(printed).toEqual([`${newest} is out, this is ${VERSION}: ${how}\n`])
})

for (const [what, script, words] of [
  ['is not there', null, 'there is no npm on the PATH'],
  ['knows of none', 'echo "npm error code E404" >&2; exit 1', 'no version of it is published'],
  ['fails', 'exit 1', 'npm did not answer'],
  ['says something else', 'echo "<html>"', 'npm answers something else'],
] as const) {
  test(`npm ${what}`, async () => {
    await useNpm(script)
    await expect(update({})).rejects.toThrow(words)
  })
}
