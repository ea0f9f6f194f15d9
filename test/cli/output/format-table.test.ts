import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatTable, type Column } from '../../../src/cli/output/format-table.ts'

type Row = readonly string[]
const column = (title: string, index: number, more: Partial<Column<Row>> = {}): Column<Row> => ({
  title,
  align: 'left',
  cell: (row) => row[index] ?? '',
  ...more,
})

describe('formatTable', () => {
  it('aligns numbers to the right', () => {
    const columns = [column('A', 0), column('B', 1, { align: 'right' }), column('C', 2)]
    assert.deepEqual(
      formatTable(columns, [
        ['long one', '1', 'x'],
        ['b', '1000', ''],
      ]),
      ['A            B  C', 'long one     1  x', 'b         1000'],
    )
  })

  it('aligns wide characters', () => {
    assert.deepEqual(
      formatTable(
        [column('A', 0), column('B', 1)],
        [
          ['鏡像', 'x'],
          ['abcd', 'y'],
        ],
      ),
      ['A     B', '鏡像  x', 'abcd  y'],
    )
  })

  const wide = [column('IMAGE', 0, { isName: true }), column('SIZE', 1, { align: 'right' }), column('MORE', 2, { isOptional: true })]
  const rows = [['docker.io/rancher/klipper-helm:v0.13.3-build20260727', '1 MB', 'linux/amd64']]

  it('omits optional columns first in a narrow terminal, then shortens names', () => {
    assert.equal(formatTable(wide, rows, { width: 80 }).at(-1), `${rows[0]?.[0]}  1 MB  linux/amd64`)
    assert.equal(formatTable(wide, rows, { width: 60 }).at(-1), `${rows[0]?.[0]}  1 MB`)
    assert.equal(formatTable(wide, rows, { width: 56 }).at(-1), 'docker.io/…/klipper-helm:v0.13.3-build20260727  1 MB')
    assert.equal(formatTable(wide, rows, { width: 45 }).at(-1), '…/klipper-helm:v0.13.3-build20260727  1 MB')
  })

  it('is whole with verbose', () => {
    assert.equal(formatTable(wide, rows, { width: 20, verbose: true }).at(-1), `${rows[0]?.[0]}  1 MB  linux/amd64`)
  })
})
