import { describe, expect, it } from 'vitest'
import { sharedPlaces, type Place } from '~/utils/rowPlaces'

interface Row {
  id: string
}

const rows = (from: number, upto: number): Row[] => Array.from({ length: upto - from }, (_, n) => ({ id: `r${from + n}` }))
const look = (places: Place<Row>[]) => places.map(place => `${place.key}:${place.row.id}`)
const show = (before: Place<Row>[], from: number, upto: number, inOrder = false) => sharedPlaces(before, rows(from, upto), from, inOrder)

describe('sharedPlaces', () => {
  const first = show([], 0, 4)

  it('gives every row an element, in order', () => {
    expect(look(first)).toEqual(['0:r0', '1:r1', '2:r2', '3:r3'])
    expect(first.map(place => place.index)).toEqual([0, 1, 2, 3])
  })

  it('shows the rows that come in the elements of those that go, and moves none', () => {
    expect(look(show(first, 2, 6))).toEqual(['0:r4', '1:r5', '2:r2', '3:r3'])
    expect(look(show(first, 100, 104))).toEqual(['0:r100', '1:r101', '2:r102', '3:r103'])
  })

  it('puts the elements in the order of their rows', () => {
    expect(look(show(show(first, 1, 5), 1, 5, true))).toEqual(['1:r1', '2:r2', '3:r3', '0:r4'])
  })

  it('lets elements go when there are fewer rows, and makes new ones when there are more', () => {
    const fewer = show(first, 2, 4)
    expect(look(fewer)).toEqual(['2:r2', '3:r3'])
    expect(look(show(fewer, 2, 6))).toEqual(['2:r2', '3:r3', '4:r4', '5:r5'])
  })

  it('follows a row to another index', () => {
    const [a, b, c] = rows(0, 3) as [Row, Row, Row]
    const turned = sharedPlaces(show([], 0, 3), [c, b, a], 0, false)
    expect(turned.map(place => [place.key, place.row.id, place.index])).toEqual([[0, 'r0', 2], [1, 'r1', 1], [2, 'r2', 0]])
  })
})
