/** What runs on a push or a tag names commands that there are, in an order that can work. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const FOLDER = '.github/workflows'

interface Job {
  permissions?: Record<string, string>
  steps?: { run?: string; 'working-directory'?: string }[]
}

const jobsOf = (file: string): Record<string, Job> =>
  parse(readFileSync(join(FOLDER, file), 'utf8')).jobs
const runsOf = ({ steps = [] }: Job) => steps.flatMap(({ run }) => run ?? [])

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))

test('every script that a workflow runs is one of the package', () => {
  const runs = readdirSync(FOLDER).flatMap((file) => Object.values(jobsOf(file)).flatMap(runsOf))
  const names = runs.flatMap((run) => [...run.matchAll(/npm run (?:-s )?([\w:-]+)/g)])
  expect(names.length).toBeGreaterThan(1)
  for (const [, name] of names) expect(scripts, name).toHaveProperty([name!])
})

// npm refuses to sign for a package that names another repository than the one it is built in.
test('a package says where it comes from before it is packed, and is published as signed', () => {
  const { pack, publish } = jobsOf('release.yml')
  const at = (part: string) => runsOf(pack!).findIndex((run) => run.includes(part))
  const [built, named, packed] = ['npm run build', 'repository.url=git+https', 'npm pack'].map(at)
  expect(built).toBeGreaterThanOrEqual(0)
  expect(named).toBeGreaterThan(built!)
  expect(packed).toBeGreaterThan(named!)
  const naming = pack!.steps!.find(({ run }) => run?.includes('repository.url'))!
  expect(naming['working-directory']).toBe('dist/package')
  expect(naming.run).toContain('$GITHUB_REPOSITORY')
  expect(publish!.permissions).toEqual({ 'id-token': 'write' })
  expect(runsOf(publish!).at(-1)).toContain('npm publish --provenance')
})
