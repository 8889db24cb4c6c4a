/** `barnraise join` without a link: what is asked, and what becomes of the answers. */
import { expect, test, vi } from 'vitest'
import { type Asker, chooseNearby } from '../../node/cli/nearby.ts'
import { ConfigError } from '../../protocol/index.ts'

const ORGANISER = `12D3KooW${'a'.repeat(44)}`
const SEA = {
  page: 'http://192.168.1.7:4001/',
  name: 'sea',
  base: 'embedded',
  organiser: ORGANISER,
}
const HILL = {
  page: 'http://192.168.1.8:4001/',
  name: 'hi\u001b[31mll',
  base: '',
  organiser: '',
}

const asker = (link: string | null): Asker => ({
  which: async (runs) => runs[1] ?? null,
  link: async () => link,
})

const choose = (word: string | null) => chooseNearby({}, true, async () => [HILL, SEA], asker(word))

for (const [given, link] of [
  ['', `${SEA.page}#join=`],
  [' \n', `${SEA.page}#join=`],
  [' https://run.example.org/#join=a\n', 'https://run.example.org/#join=a'],
  ['barnraise:/ip4/…', 'barnraise:/ip4/…'],
  // It is refused as a link then, and no page hears it.
  ['0123456789abcdef.t0k', '0123456789abcdef.t0k'],
  [null, null],
] as const) {
  test(`the link ${JSON.stringify(given)}`, async () => expect(await choose(given)).toBe(link))
}

test('where there is none, the organiser has to be asked', async () => {
  const choosing = chooseNearby({}, true, async () => [], asker(''))
  await expect(choosing).rejects.toThrow(ConfigError)
  await expect(choosing).rejects.toThrow('no run is found on this network')
})

test('where nobody can choose they are shown, without what would move a terminal', async () => {
  const choosing = chooseNearby({}, false, async () => [HILL, SEA], asker(''))
  await expect(choosing).rejects.toThrow(
    `sea of ${ORGANISER}, which trains embedded, at http://192.168.1.7`,
  )
  await expect(choosing).rejects.toThrow(ConfigError)
  await expect(choosing).rejects.not.toThrow('\u001b')
})

test('a script gets them as data', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  await expect(chooseNearby({ json: true }, true, async () => [SEA])).rejects.toThrow(ConfigError)
  const [[line]] = write.mock.calls as [[string]]
  write.mockRestore()
  expect(JSON.parse(line)).toEqual({ type: 'nearby', runs: [SEA] })
})
