/** The instance somebody is putting together, and what the Brain says of it before it exists. */
import { createInstance, previewInstance, type CreateInstance, type InstanceOut, type PreviewInstance } from '~/api'

export interface DraftLayer {
  id: string
  /** Empty: the newest one, locked when the instance is created. */
  version: string
}

export interface Draft {
  name: string
  layers: DraftLayer[]
  game: string
  variables: Record<string, string>
  ports: Record<string, number | undefined>
  memory_mb?: number
  cpus?: number
  disk_mb?: number
  region: string
  tags: string[]
  node: string
  environment: string
  dev: boolean
  autostart: boolean
  policy: Policy
}

export function emptyDraft(): Draft {
  return { name: '', layers: [], game: '', variables: {}, ports: {}, region: '', tags: [], node: '', environment: '', dev: false, autostart: true, policy: emptyPolicy() }
}

/** What is sent: empty fields mean "not given". */
export function draftBody(draft: Draft): CreateInstance {
  const { name, layers, game, variables, ports, memory_mb, cpus, disk_mb, region, tags, node, environment, dev, autostart, policy } = draft
  return {
    name,
    layers: layers.map(layer => (layer.version ? `${layer.id}@${layer.version}` : layer.id)),
    game: game || null,
    variables: Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== '')),
    ports: Object.fromEntries(Object.entries(ports).filter((entry): entry is [string, number] => !!entry[1])),
    memory_mb: memory_mb ?? null,
    cpus: cpus ?? null,
    disk_mb: disk_mb ?? null,
    region: region || null,
    tags,
    node: node || null,
    environment: environment || null,
    dev,
    autostart,
    ...policyBody(policy),
  }
}

/** The same without what only a creation takes. */
export function previewBody(draft: Draft): PreviewInstance {
  const { layers, game, variables, ports, memory_mb, cpus, disk_mb, region, tags, node, dev } = draftBody(draft)
  return { layers, game, variables, ports, memory_mb, cpus, disk_mb, region, tags, node, dev }
}

export function useDraft() {
  const draft = reactive(emptyDraft())
  const asked = () => (draft.layers.length ? previewBody(draft) : null)
  const { answer: preview, problem, looking, look, settle } = useLatest(asked, body => ask(previewInstance({ body })))
  /** The same creation sent twice, after a lost answer, makes one instance. */
  let key = newKey()

  watchDebounced(draft, () => void look(), { debounce: 350, deep: true })
  watch(draft, () => (key = newKey()), { deep: true })
  watch(useSession().expired, expired => !expired && void look())

  const nameWrong = computed(() => draft.name !== '' && !isName(draft.name))
  /** Variables that must be given and are not. */
  const missing = computed(() => preview.value?.missing.filter(name => !draft.variables[name]) ?? [])

  /** Whether it can be sent: only what the Brain has looked at, as it is now, and found complete. */
  async function ready(): Promise<boolean> {
    if (!isName(draft.name) || !draft.layers.length) return false
    return await settle() && missing.value.length === 0
  }

  async function create(): Promise<InstanceOut> {
    return await ask(createInstance({ body: draftBody(draft), headers: { 'Idempotency-Key': key } }))
  }

  return { draft, preview, problem, looking, nameWrong, missing, ready, look, create }
}

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}
