/** The commands and their options. Each command is a file of its own, loaded when it is called. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { COMMAND } from '../command.ts'
import { defaultMemoryBytes, defaultThreads } from '../compute/thread-pool.ts'
import { EXIT } from '../exit-code.ts'
import { DTYPE_NAMES, EXPORT_FORMATS } from '../export/formats.ts'
import type { ControlRequest } from '../guest/control.ts'
import { VERSION } from '../software.ts'
import { command } from './command.ts'
import type { ControlOptions } from './control.ts'
import { exitCodeOf, messageOf } from './failure.ts'
import { addGuestOptions } from './guest-options.ts'
import { addExamples, pointToHelp } from './help-examples.ts'
import { addHostOptions, HOSTED } from './host-options.ts'
import { addIdentity } from './identity-commands.ts'
import { addModelOptions } from './model-choice.ts'
import { addOrganising } from './organiser-commands.ts'
import { addRelay } from './relay-command.ts'
import { attackerLines } from './simulate-attackers.ts'
import { byteCount, duration, port, positive } from './sizes.ts'
import { addVerifying } from './verify-options.ts'

const json = () => new Option('--json', 'print data as JSON on stdout, for scripts')
const verbose = () => new Option('-v, --verbose', 'log more on stderr')

const pid = () =>
  new Option('--pid <pid>', 'one volunteer, by its process (default: all)').argParser(positive)

const threads = () =>
  new Option('--threads <n>', 'cores that training may take')
    .argParser(positive)
    .default(defaultThreads(), 'half of them')

const memory = () =>
  new Option('--memory <size>', 'memory that training may take, as 900MB or 2GB')
    .argParser(byteCount)
    .default(defaultMemoryBytes(), 'half of it')

const hosting = () => [threads(), memory(), json(), verbose()]

function nameOf(text: string): string {
  const name = text.trim()
  if (name !== '' && !/\p{Cc}/u.test(name)) return name
  throw new InvalidArgumentError('It must have letters.')
}

function tokenIds(text: string): number[] {
  const ids = text.split(',').map(Number)
  if (ids.every((id) => Number.isInteger(id) && id >= 0)) return ids
  throw new InvalidArgumentError('They are whole numbers, 0 or more, with commas between.')
}

function roundOf(text: string): number {
  if (text.trim() !== '0') return positive(text)
  throw new InvalidArgumentError('Round 0 is what the run began with: nothing was learned.')
}

function nonNegative(text: string): number {
  const value = Number(text)
  if (value >= 0) return value
  throw new InvalidArgumentError('It must be a number, 0 or more.')
}

function seedOf(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value
  throw new InvalidArgumentError('It must be a whole number from 0 to 4294967295.')
}

function days(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= 3660) return value
  throw new InvalidArgumentError('It must be a number above 0, ten years at most.')
}

export function createProgram(argv: readonly string[]): Command {
  const program = new Command('barnraise')
    .version(VERSION, '-V, --version', 'print the version')
    .description('Pool laptops to fine-tune a LLaMA-family model together.')
    .showHelpAfterError(`(see \`${command('--help')}\`)`)
    // Commands that are added inherit it.
    .exitOverride()
    .addHelpText(
      'after',
      `
Start here:
  ${COMMAND} demo             see it all happen on this machine, in two minutes
  ${COMMAND} host run.yaml    start a fine-tune of your own and get a link
  ${COMMAND} join LINK        give a hand to somebody else's

\`barnraise\` is short for \`${COMMAND}\`; \`${COMMAND} COMMAND --help\` has examples.

Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 verification failed,
            4 the run cannot be reached (\`join\` tries again until it can),
            5 another protocol version, 6 not let in,
            7 nothing to verify yet: no round is signed, 130 interrupted.`,
    )
  addRunning(program)
  addOrganising(program)
  addVolunteers(program)
  addCache(program)
  addIdentity(program)
  addService(program, argv)
  addReading(program)
  addChecking(program)
  addModels(program)
  addSimulating(program)
  addExamples(program)
  pointToHelp(program)
  return program
}

function addRunning(program: Command): void {
  program
    .command('demo')
    .description('a coordinator and three volunteers on this machine, start to finish')
    .option('--out <dir>', 'folder of the run', 'runs/demo')
    .addOption(json())
    .action(async (options) => (await import('./demo.ts')).demo(options))
  addHostOptions(program.command('host').argument('<run.yaml|folder>', HOSTED), hosting())
    .description('coordinate a run: prints the link that volunteers join by')
    .action(async (file, options) => (await import('./host.ts')).host(file, options))
  addRelay(program, [json(), verbose()])
  addJoinOptions(program.command('join').argument('[link]', `${LINK} (default: ask this network)`))
    .description('volunteer: train for a run until it ends, or until Ctrl-C')
    .action(async (link, options) => (await import('./join.ts')).join(link, options))
}

const LINK = 'the link that the organiser gave you'

function addJoinOptions(command: Command): Command {
  command
    .option('--name <name>', 'how others see you (default: volunteer- and some letters)', nameOf)
    .option('--cache <dir>', 'where weights, data and keys are kept (default: as `cache` shows)')
    .option('--identity <file>', 'key of this volunteer')
    .option(
      '--mirror <url...>',
      'https addresses at which the base lies too: a file, or URL/DIGEST',
    )
    .option('--no-mirrors', 'do not ask the addresses that the run names for its base')
    .option('--no-share', 'give other volunteers of this network none of the base, nor take any')
    .addOption(threads())
    .addOption(memory())
    .addOption(json())
    .addOption(verbose())
  return addGuestOptions(command)
}

/** What an owner tells the volunteers on this machine. */
function addVolunteers(program: Command): void {
  const told = (name: string, description: string) =>
    program.command(name).description(description).addOption(pid()).addOption(json())
  const control = async (request: ControlRequest, options: ControlOptions) =>
    (await import('./control.ts')).control(request, options)
  told('pause', 'stop the volunteers here at once; what is done is handed in')
    .argument('[time]', 'for so long, as 30m or 2h (default: until `resume`)', duration)
    .action((ms = null, options) => control({ command: 'pause', ms }, options))
  told('resume', 'end their pause')
    .option('--anyway', 'overrule what else speaks against training, until it passes')
    .action((options) => control({ command: 'resume', anyway: options.anyway === true }, options))
  told('finish', 'let them end the lease that they work on, then go').action((options) =>
    control({ command: 'finish' }, options),
  )
  told('leave', 'let them hand in what is done, and go; twice: at once').action((options) =>
    control({ command: 'leave' }, options),
  )
}

function addCache(program: Command): void {
  program
    .command('cache')
    .description('what volunteers here keep of runs: base models and data, each once')
    .option('--cache <dir>', 'where they keep it, if `join` was told')
    .option('--free', 'remove it; keys stay, and what is needed again is fetched again')
    .addOption(json())
    .action(async (options) => (await import('./cache.ts')).cache(options))
}

/** @param argv by which the options of `join` are handed on as they were given */
function addService(program: Command, argv: readonly string[]): void {
  const argumentsAfter = (name: string) =>
    argv.slice(argv.indexOf(name) + 1).filter((word) => word !== '--json')
  const service = program
    .command('service')
    .description('let this machine start a volunteer or a host by itself, by systemd or launchd')
  addJoinOptions(service.command('install').argument('<link>', LINK))
    .description('write the file for it; the options are those of `join`')
    .action(async (link, options) => {
      await (await import('./service.ts')).install(link, argumentsAfter('install'), options)
    })
  addHostOptions(service.command('host').argument('<folder>', 'a run, hosted before'), hosting())
    .description('write the file for its host; the options are those of `host`')
    .action(async (folder, options) => {
      await (await import('./service.ts')).host(folder, argumentsAfter('host'), options)
    })
  service
    .command('remove')
    .description('take it away again')
    .argument('<link|folder>', 'what it was installed for')
    .addOption(json())
    .action(async (link, options) => (await import('./service.ts')).remove(link, options))
}

function addReading(program: Command): void {
  program
    .command('status')
    .description('how a run is doing, or without one the volunteers on this machine')
    .argument('[link|folder]', 'a join link, or the folder of a run on this machine')
    .addOption(pid())
    .addOption(json())
    .action(async (run, options) => (await import('./status.ts')).status(run, options))
  program
    .command('watch')
    .description('see a run as it goes, in a terminal')
    .argument('<link|folder>', 'the link of a run, the address of its page, or its folder here')
    .addOption(json())
    .action(async (link, options) => (await import('./watch.ts')).watch(link, options))
  program
    .command('export')
    .description('write what the run has made, for other programs')
    .argument('<folder>', 'the folder of the run')
    .addOption(
      new Option('--format <format>', 'file format').choices(EXPORT_FORMATS).default('peft'),
    )
    .option('--round <round>', 'the adapter after this many rounds (default: the best)', roundOf)
    .option('-o, --out <dir>', 'a folder for this format alone (default: one in that of the run)')
    .addOption(
      new Option(
        '--dtype <type>',
        'type of merged weights; base: what each has there (default: that, in a GGUF f16)',
      ).choices(DTYPE_NAMES),
    )
    .addOption(json())
    .addHelpText(
      'after',
      `
Formats:
  peft         the adapter for PEFT, transformers, vLLM, axolotl
  gguf-lora    the adapter for llama.cpp, beside the base in GGUF; what load_in_4bit made of a base
               is written with it
  merged       base and adapter in one Hugging Face folder: transformers, vLLM, mlx-lm
  merged-gguf  base and adapter in one GGUF, with a Modelfile: llama.cpp, Ollama

q8_0 halves a GGUF and is for merged-gguf alone. There, base puts what was merged back into the
blocks of a quantised base, and says how much of what was learned that rounds off. The README.md in
the folder has the commands.`,
    )
    .action(async (folder, options) => (await import('./export.ts')).exportAdapter(folder, options))
  addVerifying(program, [threads(), memory(), json()])
}

/** What one does before a run is hosted. */
function addChecking(program: Command): void {
  program
    .command('init')
    .description('write a run.yaml, by answering or from what you have')
    .option('--from <axolotl.yml>', 'translate this one, and tell what could not be')
    .option('--name <name>', 'how volunteers see the run')
    .option('--base-model <model>', 'a folder, a .gguf file, org/name, or `embedded`')
    .option('--data <path>', 'a file, a folder, a glob, npm:PACKAGE, or org/name')
    .addOption(new Option('--bits <n>', 'how the base is stored').choices(['4', '8', '16']))
    .addOption(
      new Option(
        '--rl <loss>',
        'learn from rated answers (default: as rows ask for: pairs dpo, single ratings kto)',
      ).choices(['dpo', 'ipo', 'orpo', 'kto', 'simpo']),
    )
    .option('-o, --out <file>', 'where to write it', 'run.yaml')
    .option('-y, --yes', 'ask nothing, take what is not said as usual')
    .option('--no-open', 'write it without opening model and data')
    .addOption(json())
    .action(async (options) => (await import('./init.ts')).init(options))
  program
    .command('check')
    .description('check a run.yaml and show what it means')
    .argument('<run.yaml>', 'the file to check')
    .option('--measure', 'train two steps here, to tell how long the run takes')
    .addOption(threads())
    .addOption(memory())
    .addOption(json())
    .action(async (file, options) => (await import('./check.ts')).check(file, options))
  program
    .command('data')
    .description('look at the data of a run')
    .command('preview')
    .description('what training would see: examples, what is learned of them, counts, lengths')
    .argument('<run.yaml>', 'the run whose data to show')
    .option('--rows <n>', 'examples to show', positive, 3)
    .addOption(json())
    .action(async (file, options) => (await import('./data.ts')).preview(file, options))
  program
    .command('doctor')
    .description('check this machine: Node, kernels, disk, memory')
    .option(
      '--ask <link|address>',
      'ask this run, or a relay by what it prints, whether strangers reach this machine',
    )
    .option('--port <port>', 'the port that --ask is about', port, 4001)
    .addOption(json())
    .action(async (options) => (await import('./doctor.ts')).doctor(options))
  program
    .command('update')
    .description('ask npm whether a newer version is out; nothing else ever looks')
    .addOption(json())
    .action(async (options) => (await import('./update.ts')).update(options))
}

function addSimulating(program: Command): void {
  program
    .command('simulate')
    .description('a run of thousands in virtual time: what would be counted, what wasted')
    .option('--preset <names>', 'who is there: NAME, or NAME:WEIGHT,…', 'seti-like')
    .option('--volunteers <n>', 'online at once, in the mean', positive, 64)
    .option('--days <n>', 'virtual days (default: 1, or as many as the trace has)', days)
    .option('--seed <n>', 'same seed, same run', seedOf, 1)
    .option('--seeds <n>', 'so many seeds, from --seed on: means and intervals', positive)
    .option('--jobs <n>', 'simulations at a time, with --seeds or --sweep', 'auto')
    .option(
      '--sweep <key=values...>',
      'vary numbers, as round.seconds=60,300 or round.seconds=60..7200, into a table in --out',
    )
    .option('--samples <n>', 'points to draw of --sweep, instead of all combinations', positive)
    .option('--trace <file>', 'who comes and goes as in a file of sessions, instead of a preset')
    .option(
      '--merge-overlaps',
      'make one of sessions in which a volunteer of --trace is there twice',
    )
    .option('--run <file>', 'the run of a run.yaml, instead of one of 135 million parameters')
    .option('--real', 'train for real what --run says, for the true loss curve')
    .option('--compare <files...>', 'several run.yaml files, under the same churn')
    .option('--replay <run>', "hold a run's journal against a simulation of it")
    .option('--plan', 'search for the settings that suit these volunteers')
    .option('--set <key=value...>', 'change a number, as round.seconds=300', [])
    .option('--attack <names>', 'who attacks: NAME:SHARE,… of the machines; see below')
    .option('--swarm', 'faults of every kind, as the seed draws them', false)
    .option('-o, --out <folder>', 'write a report, in a folder of its own: a page and its figures')
    .addOption(json())
    .addHelpText('after', () => `\nAttackers:\n${attackerLines()}`)
    .action(async (options) => (await import('./simulate.ts')).simulate(options))
}

/** What can be done with a model that is there. */
function addModels(program: Command): void {
  addSampling(addModelOptions(program.command('generate')), 60)
    .description('let base and adapter continue a text')
    .requiredOption('-p, --prompt <text>', 'what to continue')
    .addOption(json())
    .action(async (folder, options) => (await import('./generate.ts')).generate(folder, options))
  addSampling(addModelOptions(program.command('chat')), 200)
    .description('talk with the adapter; Ctrl-C ends an answer, /exit or Ctrl-D the talk')
    .option('--compare', 'let the base answer too')
    .option('--system <text>', 'what the model is told before all')
    .option('--plain', 'no chat template: the model goes on from the text')
    .addOption(json())
    .action(async (folder, options) => (await import('./chat.ts')).chat(folder, options))
  addModelOptions(program.command('eval'))
    .description('how well base and adapter know a text, or which answers are the better')
    .requiredOption('--data <path>', 'text or rated rows: a file, a folder, a glob, npm:PACKAGE')
    .option('--remember <path>', 'another text, on which the adapter should not be worse')
    .option('--choices <file>', 'JSONL of {"prompt", "choices": [...], "answer": index}')
    .addOption(json())
    .addHelpText(
      'after',
      `
The loss is the mean of -ln p over target tokens: each token of a document but the first, with up to
a context of tokens before it; longer documents are read in windows that follow one another.
Of rows that rate answers, for a run with rl, it is that loss, with accuracy and margin beside it.`,
    )
    .action(async (folder, options) => (await import('./eval.ts')).evaluate(folder, options))
  addModelOptions(program.command('logits'))
    .description('what a model says after some tokens, to be checked against other programs')
    .requiredOption('--ids <ids>', 'token ids, with commas between', tokenIds)
    .addOption(json())
    .action(async (folder, options) => (await import('./logits.ts')).logits(folder, options))
}

function addSampling(command: Command, tokens: number): Command {
  return command
    .option('--tokens <n>', 'how many tokens to write at most', positive, tokens)
    .option('--temperature <t>', '0 always takes the likeliest token', nonNegative, 0.8)
    .option('--top-k <n>', 'only among the so many likeliest; 0: all', nonNegative, 0)
    .option('--top-p <p>', 'only among the likeliest that have this probability', nonNegative, 0.95)
    .option('--seed <n>', 'same seed, same text', nonNegative, 1)
}

/** Runs the command in argv and sets the exit code of the process. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const program = createProgram(argv)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
      return
    }
    process.stderr.write(`barnraise: ${messageOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  }
}
