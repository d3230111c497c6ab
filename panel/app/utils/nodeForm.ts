/** What people may decide about a node, as a form holds it. */
import type { NodeOut, UpdateNode } from '~/api'
import { same } from './merge'
import { isName } from './name'

export const NODE_TEXTS = ['region', 'environment', 'address'] as const
export type NodeField = (typeof NODE_TEXTS)[number] | 'tags' | 'slots'

export interface NodeForm {
  name: string
  region: string
  environment: string
  address: string
  tags: string[]
  /** 0: as many as fit. */
  slots: number
}

type Shown = Pick<NodeOut, 'name' | 'region' | 'environment' | 'address' | 'tags' | 'capacity' | 'facts'>

export function nodeForm({ name, region, environment, address, tags, capacity }: Shown): NodeForm {
  return { name, region, environment, address, tags: [...tags], slots: capacity.slots }
}

/** What the machine says of itself, by its own settings. */
export function nodeOwn({ facts }: Pick<NodeOut, 'facts'>): Omit<NodeForm, 'name'> {
  const text = (key: string) => (typeof facts[key] === 'string' ? facts[key] : '')
  return {
    region: text('region'),
    environment: text('environment'),
    address: text('address'),
    tags: Array.isArray(facts.tags) ? facts.tags.map(String) : [],
    slots: Number(facts.slots ?? 0),
  }
}

export function ownValue(node: Pick<NodeOut, 'facts'>, key: NodeField): string | number | string[] {
  return nodeOwn(node)[key]
}

/** What is sent: a value like the machine's own is nobody's decision, so that it follows the machine from then on. */
export function nodeChanges(node: Pick<NodeOut, 'facts'>, changed: Partial<NodeForm>): UpdateNode {
  const { name, ...rest } = changed
  const own = nodeOwn(node)
  const decided = Object.entries(rest).map(([key, value]) => [key, same(value, own[key as NodeField]) ? null : value])
  return { ...(name === undefined ? {} : { name }), ...Object.fromEntries(decided) }
}

/** Fields that no Brain would take. */
export function nodeFaults({ name, region, environment, address, tags }: NodeForm): (keyof NodeForm)[] {
  const faults: [keyof NodeForm, boolean][] = [
    ['name', !isName(name)],
    ['region', region.length > 64],
    ['environment', environment.length > 64],
    ['address', address.length > 255],
    ['tags', tags.length > 32 || tags.some(tag => tag.length > 64)],
  ]
  return faults.filter(([, wrong]) => wrong).map(([key]) => key)
}
