/** A program of its own: `create-in-process <directory> <rounds> <name>` races others for `log/<round>` and prints the rounds it won. */
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'

const [directory = '', rounds = '0', name = ''] = process.argv.slice(2)
const storage = openLocalDirectory(directory)
process.stdout.write('ready\n')
process.stdin.once('data', () => void race())

async function race(): Promise<void> {
  const won: number[] = []
  for (let round = 0; round < Number(rounds); round += 1) {
    const bytes = new TextEncoder().encode(name.repeat(2_000))
    if (await storage.create(`log/${round}`, bytes)) won.push(round)
  }
  process.stdout.write(`${JSON.stringify(won)}\n`, () => process.exit(0))
}
