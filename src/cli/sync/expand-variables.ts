/** Why a text with variables cannot be used. */
export interface VariableProblem {
  readonly why: string
  readonly hint: string
}

/** Names of variables that hold secrets. */
const secretName = /(?:^|_)(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIALS?|AUTH(?:_CONFIG)?|(?:API|ACCESS|PRIVATE|SECRET)_?KEY)$/i

/** `$${` stands for `${`; groups of a rewrite, as in `${1}`, stay as they are. */
const variable = /\$\$\{|\$\{[0-9]+\}|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/** Where secrets belong instead of the file. */
export const secretHint = 'keep credentials in the configuration of Docker (docker login) or in a registries.yaml that registries names'

/** Replaces `${NAME}` and `${NAME:-default}` by variables of the environment; their values are not expanded again. */
export function expandVariables(text: string, environment: NodeJS.ProcessEnv): string | VariableProblem {
  let problem: VariableProblem | undefined
  const expanded = text.replace(variable, (whole, name: string | undefined, fallback: string | undefined) => {
    if (whole === '$${') return '${'
    if (name === undefined) {
      if (whole === '${')
        problem ??= { why: 'invalid reference to a variable', hint: 'write ${NAME} or ${NAME:-default}, or $${ for ${ itself' }
      return whole
    }
    if (secretName.test(name)) {
      problem ??= { why: `the variable ${name} looks like a secret, which this file must not hold`, hint: secretHint }
      return whole
    }
    const value = environment[name] || fallback
    if (value === undefined || value === '') {
      problem ??= { why: `the environment variable ${name} is not set`, hint: `set ${name}, or write \${${name}:-default}` }
      return whole
    }
    return value
  })
  return problem ?? expanded
}
