/** What people do with each command, at the end of its `--help`. */
import type { Command } from 'commander'
import { COMMAND } from '../command.ts'
import { command } from './command.ts'

type Example = readonly [words: string, what: string]

/** The examples of a command, by its words; those of a group of commands are with its members. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  demo: [['demo', 'two minutes, four processes, one adapter']],
  init: [
    ['init', 'answer four questions'],
    ['init -y --base-model org/name --data chats.jsonl', 'ask nothing, open both, choose by them'],
    ['init --from axolotl.yml --out run.yaml', 'translate what axolotl trains by'],
  ],
  check: [
    ['check run.yaml', 'mistakes with their lines, memory, downloads'],
    ['check run.yaml --measure', 'and how long it takes, by two steps on this machine'],
  ],
  'data preview': [
    ['data preview run.yaml', 'what is learned stands between ⟦ and ⟧'],
    ['data preview run.yaml --rows 20 --json', 'for scripts'],
  ],
  host: [
    ['host run.yaml', 'on this machine only; run it again to go on'],
    ['host run.yaml --public', 'for all who reach this machine'],
    ['host run.yaml --public --announce https://run.example.org', 'behind a proxy with TLS'],
    ['host run.yaml --public --stay', 'keep the pages when the run is over'],
    [
      'host run.yaml --tunnel "cloudflared tunnel --url http://localhost:4001"',
      'by any tunnel that you have, for tabs of all cores, too',
    ],
    ['host run.yaml --relay /dns4/…/p2p/12D3KooW…', 'at home, where nobody reaches it'],
  ],
  relay: [
    ['relay --announce https://relay.example.org', 'behind a proxy with TLS'],
    ['relay --hosts 8 --per-host 100', 'for few hosts of many volunteers each'],
  ],
  kick: [
    ['kick runs/sea Qm3xYz', 'by the end of its id; what it did is subtracted and done again'],
    ['kick runs/sea ada --reason "the numbers are wrong"', 'by its name'],
  ],
  'invite make': [
    ['invite runs/sea --name class-3b --expires 7d --members 30', 'a link for one class'],
    ['invite runs/sea --name ada --members 1 --json', 'for scripts'],
  ],
  'invite list': [['invite list runs/sea', 'how many take part by which, and how long it holds']],
  'invite revoke': [['invite revoke runs/sea class-3b', 'nobody comes by it any more']],
  allow: [['allow runs/sea 12D3KooW…', 'as the volunteer is told when it is not let in']],
  unban: [['unban runs/sea ada', 'it may join again']],
  backup: [
    ['backup runs/sea /mnt/disk/sea', 'while it is hosted; again, and only what is new is copied'],
  ],
  rewind: [
    ['rewind runs/sea --round 3', 'go on from the adapter after three rounds'],
    ['rewind runs/sea --round 0', 'all is done again'],
  ],
  join: [
    ['join', 'choose among the runs on this network'],
    ["join 'http://192.168.1.7:4001/#join=…'", 'as a guest, with half of the cores'],
    ["join 'barnraise:/ip4/…#run.token' --dedicated --threads 8", 'nobody else needs the machine'],
    ["join 'http://192.168.1.7:4001/#join=…' --hours 22-7", 'by night'],
  ],
  pause: [
    ['pause', 'until you resume'],
    ['pause 30m', 'for half an hour'],
  ],
  resume: [['resume --anyway', 'train though the battery or a hot machine speaks against it']],
  finish: [['finish', 'hand in the lease that it works on, then go']],
  leave: [['leave', 'hand in what is done, and go']],
  cache: [
    ['cache', 'what is kept, and how much it is'],
    ['cache --free', 'let go of what no run needs here'],
  ],
  'identity backup': [
    ['identity backup runs/sea', 'whose key it is, without showing it'],
    ['identity backup runs/sea --show-words', 'the 24 words: when you are alone, on paper'],
    [
      "identity backup 'http://192.168.1.7:4001/#join=…' --show-words",
      'the key by which a run knows this machine',
    ],
  ],
  'identity restore': [
    ['identity restore runs/sea', 'the organiser again, on another machine'],
    [
      "identity restore 'http://192.168.1.7:4001/#join=…' --force",
      'the volunteer again, though this machine has joined by another key',
    ],
    ['identity restore ada.key', 'for `join LINK --identity ada.key`'],
  ],
  'service install': [
    ["service install 'http://192.168.1.7:4001/#join=…' --hours 22-7", 'at each login, by night'],
  ],
  'service host': [['service host runs/sea --public --stay', 'at each login, its pages for ever']],
  'service remove': [["service remove 'http://192.168.1.7:4001/#join=…'", 'not any more']],
  status: [
    ['status', 'the volunteers on this machine'],
    ['status runs/sea', 'a run on this machine'],
    ["status 'http://192.168.1.7:4001/#join=…'", 'a run anywhere'],
  ],
  watch: [['watch http://192.168.1.7:4001/', 'the page of a run, in a terminal']],
  export: [
    ['export runs/sea', 'the best adapter, for PEFT and vLLM'],
    ['export runs/sea --format merged-gguf --dtype q8_0', 'for llama.cpp and Ollama'],
    ['export runs/sea --round 3 -o after-three', 'as it was after the third round'],
  ],
  credit: [
    ['credit runs/sea', 'the leaderboard, from the signed manifests'],
    ['credit runs/sea --peer ada --receipt ada.receipt', 'and a receipt for one volunteer'],
    [
      "credit 'http://192.168.1.7:4001/#join=…' --peer ada --receipt ada.receipt",
      "a volunteer's own, while the run is hosted",
    ],
  ],
  verify: [
    ['verify runs/sea', 'bit for bit, from the journal'],
    [
      'verify https://example.org/sea --sample 5%',
      'what somebody published, and some of its steps',
    ],
    ["verify 'http://192.168.1.7:4001/#join=…'", 'a run that goes on'],
  ],
  publish: [
    ['publish runs/sea -o public', 'for a web server, or a dataset repository'],
    ['publish runs/sea --hub org/sea-stories', 'with the adapter and its card, by HF_TOKEN'],
  ],
  doctor: [
    ['doctor', 'what is missing, and how to get it'],
    ["doctor --ask 'https://run.example.org/#join=…'", 'and whether strangers would reach a host'],
  ],
  update: [['update', 'says what to type, and changes nothing']],
  generate: [
    ['generate runs/sea -p "The storm"', 'base and adapter, one after the other'],
    ['generate --model org/name -p "The storm" --temperature 0', 'any model, the same each time'],
  ],
  chat: [
    ['chat runs/sea --compare', 'base and adapter answer'],
    ['chat --model embedded --plain', 'a text that goes on, without a template'],
  ],
  eval: [
    ['eval runs/sea --data other.txt', 'how well it knows a text'],
    ['eval runs/sea --data sea.txt --remember news.txt', 'and what it forgot'],
  ],
  logits: [['logits runs/sea --ids 1,2,3 --json', 'to be compared with another program']],
  simulate: [
    ['simulate --preset evening-laptops --volunteers 200', 'a day of 200 laptops'],
    ['simulate --run run.yaml --plan', 'settings that suit such volunteers'],
    ['simulate --compare a.yaml b.yaml', 'two runs under the same churn'],
  ],
}

/** Gives each command its examples. */
export function addExamples(parent: Command, before = ''): void {
  for (const command of parent.commands) {
    const words = before + command.name()
    addExamples(command, `${words} `)
    const examples = EXAMPLES[words] ?? []
    if (examples.length === 0) continue
    const lines = examples.map(([line, what]) => `  ${COMMAND} ${line}\n      ${what}`)
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
  }
}

/** Whoever got the words of a command wrong is shown to its own examples. */
export function pointToHelp(program: Command): void {
  for (const one of program.commands) {
    one.showHelpAfterError(`(see \`${command(`${one.name()} --help`)}\`)`)
  }
}
