/** The dashboard for Grafana, and the page about metrics, tell of what is there. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createMetrics } from '../../node/dashboard/metrics.ts'
import { playTranscript } from '../history/transcript-events.ts'

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const namesIn = (text: string) => new Set(text.match(/barnraise_[a-z_]*[a-z]/g))

const { model } = playTranscript('coordinator-merge.txt')
const metrics = createMetrics({ run: model.run, rounds: () => model.changesFrom(null).rounds })
const scraped = await metrics.scrape()
const offered = new Set([...scraped.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!))
const ours = [...offered].filter((name) => !/^barnraise_(process|nodejs)_/.test(name))

test('each metric that the dashboard queries is there', () => {
  const { panels } = JSON.parse(read('grafana.json')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const queried = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  expect(queried.length).toBeGreaterThan(10)
  for (const name of namesIn(queried.join('\n'))) expect(offered).toContain(name)
})

test('each metric of ours is described, and nothing else', () => {
  const described = [...namesIn(read('metrics.md'))]
  const isOurs = (name: string) => !/^barnraise_(process|nodejs)\b/.test(name)
  expect(described.filter(isOurs).sort()).toEqual(ours.sort())
})

test('where answers are rated, accuracy and margin are told', async () => {
  const [first] = model.changesFrom(null).rounds
  const rated = [{ ...first!, accuracy: 0.75, margin: -0.5 }]
  const text = await createMetrics({ run: model.run, rounds: () => rated }).scrape()
  expect(text).toContain('barnraise_held_out_accuracy 0.75')
  expect(text).toContain('barnraise_held_out_margin -0.5')
  expect(scraped).not.toMatch(/^barnraise_held_out_accuracy /m)
})
