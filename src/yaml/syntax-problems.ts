/** Syntax errors by the parser's code: our own messages, because those of the parser quote the file. */
export const syntaxProblems: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'alias with properties',
  BAD_ALIAS: '"*" without quotes',
  BAD_DQ_ESCAPE: 'unknown escape in a quoted string',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'unquoted value that begins with a reserved character',
  BLOCK_AS_IMPLICIT_KEY: 'mapping instead of a single value',
  MISSING_CHAR: 'missing character, often a quote or a colon',
  MULTILINE_IMPLICIT_KEY: 'key with several lines',
  TAB_AS_INDENT: 'tab in the indentation',
  UNEXPECTED_TOKEN: 'unexpected token',
}
