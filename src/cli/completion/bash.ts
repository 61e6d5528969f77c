/**
 * The completion script for bash, with and without the package bash-completion: tables of commands, options and values, and a
 * function that reads the line by them. Bash 3.2 can run it; without `compopt` it offers files everywhere.
 */
import { type CommandShape, commandsBelow, type OptionShape } from '../command-shape.ts'
import { NAMES_COMMAND, type ProgramNames, type ScriptWriter, shellWord } from './shells.ts'
import { type Value, valueOfArgument, valueOfOption } from './values.ts'

export const bashScript: ScriptWriter = (program, names) => {
  const commands = [program, ...commandsBelow(program)]
  return `# Completion of ${names.join(' and ')} for bash, by \`${names[0]} completion bash\`.

# What a command has, into the variables of its caller.
__snapkeep_shape() {
  subcommands=() options=() valued=()
  case $1 in
${commands.map(shapeCase).join('\n')}
  esac
}

# Offers what the value of an option (COMMAND OPTION) or an argument (COMMAND#NUMBER) can be.
__snapkeep_value() {
  case $1 in
${[program, ...commandsBelow(program)].flatMap(valueCases).join('\n')}
  esac
}
${SKELETON.replaceAll('NAMES_COMMAND', NAMES_COMMAND).replaceAll('PROGRAM', names[0])}
${registration(names)}`
}

const array = (words: readonly string[]): string => `(${words.map(shellWord).join(' ')})`
const spellings = ({ short, long }: OptionShape): string[] => (short === undefined ? [long] : [long, short])

function shapeCase({ path, subcommands, options }: CommandShape): string {
  const valued = options.filter(({ value }) => value !== undefined)
  const parts = [
    `subcommands=${array(subcommands.map((each) => each.path.split(' ').at(-1) ?? ''))}`,
    `options=${array(options.flatMap(spellings))}`,
    `valued=${array(valued.flatMap(spellings))}`,
  ]
  return `    '${path}') ${parts.join(' ')} ;;`
}

function valueCases(command: CommandShape): string[] {
  const options = command.options.flatMap((option) => {
    const keys = spellings(option).map((spelling) => `'${command.path} ${spelling}'`)
    return caseOf(keys.join('|'), valueOfOption(command, option))
  })
  const args = command.arguments.flatMap((argument, index) =>
    caseOf(
      argument.isVariadic ? `'${command.path}#'*` : `'${command.path}#${index}'`,
      valueOfArgument(argument),
    ),
  )
  return [...options, ...args]
}

function caseOf(pattern: string, value: Value): string[] {
  const action = actionOf(value)
  return action === undefined ? [] : [`    ${pattern}) ${action} ;;`]
}

function actionOf(value: Value): string | undefined {
  switch (value.kind) {
    case 'free':
      return undefined
    case 'file':
      return '__snapkeep_files'
    case 'directory':
      return '__snapkeep_directories'
    case 'repository':
      return '__snapkeep_directories; __snapkeep_names __snapkeep_words repositories'
    case 'words':
      return `${value.isList ? '__snapkeep_list' : '__snapkeep_words'} ${value.words.map(shellWord).join(' ')}`
    case 'names':
      return `__snapkeep_names ${value.isList ? '__snapkeep_list' : '__snapkeep_words'} ${value.of}`
  }
}

function registration(names: ProgramNames): string {
  const words = names.map(shellWord).join(' ')
  return `
if [[ $(type -t compopt) == builtin ]]; then
  complete -F __snapkeep ${words}
else
  complete -o bashdefault -o default -F __snapkeep ${words}
fi
`
}

const SKELETON = `
# Where nothing else is offered, readline completes files: it knows best how to quote them.
__snapkeep_files() {
  compopt -o bashdefault -o default 2>/dev/null
}

__snapkeep_directories() {
  compopt -o dirnames 2>/dev/null
}

# Offers those of its arguments that begin as the word at the cursor does.
__snapkeep_words() {
  local word
  for word in "$@"; do
    word=$head$word
    if [[ $word == "$current"* ]]; then COMPREPLY+=("\${word:\${#cut}}"); fi
  done
}

# The same for what stands behind the last comma.
__snapkeep_list() {
  local value=\${current#"$head"}
  if [[ $value == *,* ]]; then head+=\${value%,*},; fi
  __snapkeep_words "$@"
}

# __snapkeep_names HOW KIND: names in the configuration.
__snapkeep_names() {
  local plain name
  local -a ask known
  known=()
  __snapkeep_plain "\${COMP_WORDS[0]}"
  if ! type -P "$plain" >/dev/null; then plain=PROGRAM; fi
  ask=("$plain" NAMES_COMMAND "$2")
  if [[ -n $config ]]; then ask+=(--config "$config"); fi
  while IFS= read -r name; do
    if [[ -n $name ]]; then known+=("$name"); fi
  done <<<"$("\${ask[@]}" 2>/dev/null </dev/null)"
  if ((\${#known[@]} > 0)); then "$1" "\${known[@]}"; fi
}

# Its argument as the shell will see it, into the caller's plain; variables stay as they are.
__snapkeep_plain() {
  local text=$1 quote='' char i
  plain=''
  if [[ $text == '~/'* ]]; then plain=$HOME/ text=\${text:2}; fi
  for ((i = 0; i < \${#text}; i++)); do
    char=\${text:i:1}
    if [[ $char == "\\\\" && $quote != "'" ]]; then
      i=$((i + 1))
      plain+=\${text:i:1}
    elif [[ -z $quote && ($char == "'" || $char == '"') ]]; then
      quote=$char
    elif [[ -n $quote && $char == "$quote" ]]; then
      quote=''
    else
      plain+=$char
    fi
  done
}

# __snapkeep_has WORD WORDS...: whether the word is one of them.
__snapkeep_has() {
  local word=$1 known
  shift
  for known in "$@"; do
    if [[ $known == "$word" ]]; then return 0; fi
  done
  return 1
}

# Readline takes --config=FILE and SNAPSHOT:DIR apart. Fills words with those before the cursor as they were typed, current with
# the one at the cursor, and cut with the part of that which readline keeps.
__snapkeep_glue() {
  local rest=$COMP_LINE trimmed piece i last=-1 is_glued
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=\${COMP_WORDS[i]}
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    is_glued=''
    if [[ $i -gt 0 && $trimmed == "$rest" ]]; then is_glued=1; fi
    if [[ $trimmed == "$piece"* ]]; then rest=\${trimmed#"$piece"}; else is_glued=''; fi
    if [[ $i -eq $COMP_CWORD ]]; then
      if [[ -n $is_glued ]]; then
        cut=\${words[last]}
        unset "words[last]"
      fi
      # At the very end of --config= the sign is the word at the cursor, and what readline completes is empty.
      if [[ -z $1 && ($piece == '=' || $piece == ':') ]]; then cut+=$piece; fi
      __snapkeep_plain "$cut"
      cut=$plain
      __snapkeep_plain "$1"
      current=$cut$plain
    elif [[ -n $is_glued ]]; then
      words[last]+=$piece
    else
      last=$((last + 1))
      words[last]=$piece
    fi
  done
}

# Reads the words before the cursor: which command, how many arguments, whether an option waits for its value.
__snapkeep_read() {
  local word plain i
  for word in "\${words[@]:1}"; do
    __snapkeep_plain "$word"
    if [[ -n $waiting ]]; then
      if [[ $waiting == --config ]]; then config=$plain; fi
      waiting=''
    elif [[ -n $ended ]]; then
      argument=$((argument + 1))
    elif [[ $plain == -- ]]; then
      ended=1
    elif [[ $plain == --*=* ]]; then
      if [[ $plain == --config=* ]]; then config=\${plain#*=}; fi
    elif [[ $plain == --* ]]; then
      if __snapkeep_has "$plain" "\${valued[@]}"; then waiting=$plain; fi
    elif [[ $plain == -?* ]]; then
      for ((i = 1; i < \${#plain}; i++)); do
        if __snapkeep_has "-\${plain:i:1}" "\${valued[@]}"; then
          if ((i + 1 == \${#plain})); then waiting=-\${plain:i:1}; fi
          break
        fi
      done
    elif ((argument == 0)) && __snapkeep_has "$plain" "\${subcommands[@]}"; then
      command="\${command:+$command }$plain"
      __snapkeep_enter
    else
      argument=$((argument + 1))
    fi
  done
}

# The options of the program hold for every command.
__snapkeep_enter() {
  __snapkeep_shape "$command"
  own=("\${options[@]}")
  options+=("\${all_options[@]}") valued+=("\${all_valued[@]}")
}

__snapkeep_option_value() {
  if __snapkeep_has "$1" "\${own[@]}"; then __snapkeep_value "$command $1"; else __snapkeep_value " $1"; fi
}

__snapkeep() {
  local IFS=$' \\t\\n' current='' cut='' head='' plain='' config='' command='' waiting='' ended='' argument=0
  local -a words subcommands options valued own all_options all_valued
  COMPREPLY=() words=() own=()
  __snapkeep_shape ''
  all_options=("\${options[@]}") all_valued=("\${valued[@]}")
  __snapkeep_glue "$2"
  __snapkeep_read
  if [[ -n $waiting ]]; then
    __snapkeep_option_value "$waiting"
  elif [[ -z $ended && $current == --*=* ]]; then
    head=\${current%%=*}=
    __snapkeep_option_value "\${head%=}"
  elif [[ -z $ended && $current == -* ]]; then
    __snapkeep_words "\${options[@]}"
  elif [[ -z $ended && \${#subcommands[@]} -gt 0 && $argument -eq 0 ]]; then
    __snapkeep_words "\${subcommands[@]}"
  else
    __snapkeep_value "$command#$argument"
  fi
}
`
