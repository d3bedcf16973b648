import type { Command, Option } from 'commander'

/** Arguments that say once more what was given to `command` for these of its options, here or in the environment. */
export function givenArgs(command: Command, options: readonly Option[]): string[] {
  return options.flatMap((option) => {
    const name = option.attributeName()
    const source = command.getOptionValueSource(name)
    if (source !== 'cli' && source !== 'env') return []
    const value: unknown = command.getOptionValue(name)
    return value === true ? [option.long!] : [option.long!, String(value)]
  })
}
