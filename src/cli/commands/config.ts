/** `snap config`: the file that says what to protect. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { absolutePath } from '../../filesystem/absolute-path.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { loadConfiguration } from '../configuration.ts'
import type { CommandContext } from '../context.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrWarning } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'

export const configCommand: CommandModule = {
  register(program, run) {
    const config = program
      .command('config')
      .description('check, begin or describe the file of repositories, sources and jobs')
      .addHelpText('after', '\nExample:\n  $ snap config check')
    config
      .command('check')
      .description('say what is wrong with the configuration, with file, line and column')
      .addHelpText('after', '\nExamples:\n  $ snap config check\n  $ snap config check --config ./snap.yaml')
      .action(run<[object]>(checkAction))
    config
      .command('init')
      .description('write a configuration to begin with, which explains every key')
      .argument('[file]', 'where to write it; never over a file that is there')
      .option('--print', 'print it instead', false)
      .addHelpText('after', '\nExamples:\n  $ snap config init\n  $ snap config init ./snap.yaml')
      .action(run<[string | undefined, { readonly print: boolean }]>(initAction))
    config
      .command('schema')
      .description('print the JSON Schema of the configuration, for editors')
      .addHelpText('after', '\nExample:\n  $ snap config schema > snap.schema.json')
      .action(run<[object]>(schemaAction))
  },
}

async function checkAction(context: CommandContext): Promise<void> {
  const config = await loadConfiguration(context)
  const { file, repositories, sources, categories, jobs, drills, channels } = config
  const { globals, stdout } = context
  const { missingIn } = await import('../../jobs/config/missing.ts')
  for (const missing of missingIn(config, context.env)) stderrWarning(context, missing)
  if (globals.json) {
    const names = {
      repositories: [...repositories.keys()],
      sources: [...sources.keys()],
      categories: [...categories.keys()],
      jobs: [...jobs.keys()],
      drills: [...drills.keys()],
      channels: [...channels.keys()],
    }
    stdout.write(jsonLine({ message_type: 'config', file, ...names }))
    return
  }
  if (globals.quiet) return
  const counts = [
    plural(repositories.size, 'repository', 'repositories'),
    plural(sources.size, 'source'),
    plural(categories.size, 'category', 'categories'),
    plural(jobs.size, 'job'),
    ...(drills.size === 0 ? [] : [plural(drills.size, 'drill')]),
    plural(channels.size, 'channel'),
  ]
  stdout.write(`${file} is fine: ${counts.join(', ')}\n`)
}

async function initAction(
  context: CommandContext,
  file: string | undefined,
  { print }: { readonly print: boolean },
): Promise<void> {
  const { starterConfig } = await import('../../jobs/config/starter.ts')
  const { locations, stdout, globals } = context
  const text = starterConfig(locations)
  if (print) {
    if (file !== undefined)
      throw new SnapError('USAGE', 'a file and --print were both given', { hint: 'Give one of them.' })
    stdout.write(text)
    return
  }
  const path = absolutePath(file ?? globals.configFile ?? locations.configFiles[0] ?? 'snap.yaml')
  try {
    if (file === undefined) await mkdir(systemPath(dirname(path)), { recursive: true, mode: 0o700 })
    await writeFile(systemPath(path), text, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    const exists = systemCode(cause) === 'EEXIST'
    const why = exists ? 'it exists' : codeInWords(systemCode(cause)) || messageOf(cause)
    throw new SnapError('USAGE', `cannot write ${path}: ${why}`, {
      hint: exists ? 'Name another file, or see the text with --print.' : 'Name a file in another directory.',
      cause,
    })
  }
  if (globals.json) stdout.write(jsonLine({ message_type: 'config_written', file: path }))
  else if (!globals.quiet) stdout.write(`wrote ${path}: change it, then run \`snap config check\`\n`)
}

async function schemaAction({ stdout }: CommandContext): Promise<void> {
  const { configJsonSchema } = await import('../../jobs/config/json-schema.ts')
  stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
}
