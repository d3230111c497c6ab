/** Who is signed in, and what that allows. The login itself is a cookie that scripts cannot read. */
import { endSingleSignOnSession, getMe, login, logout, type Me, type Role } from '~/api'

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

const me = shallowRef<Me | null>(null)
const expired = ref(false)

whenExpired(() => {
  if (me.value) expired.value = true
})

async function load(): Promise<void> {
  me.value = await ask(getMe())
}

/** Read again what one may; with other rights, everything shown is read again too. */
async function recheck(): Promise<void> {
  const rights = () => JSON.stringify([me.value?.role, me.value?.scope, me.value?.must_enrol])
  const before = rights()
  await load()
  if (rights() !== before) location.reload()
}

async function signIn(name: string, password: string, code: string | null = null): Promise<void> {
  await ask(login({ body: { name, password, code, cookie: true } }))
  await load()
  expired.value = false
}

/** Ends the login, at the provider of single sign-on too; gives the address where that is done. */
async function signOut(): Promise<string | null> {
  const external = me.value?.user.external
  const elsewhere = external ? await ask(endSingleSignOnSession()).catch(() => null) : null
  if (!elsewhere) await ask(logout()).catch(() => undefined)
  me.value = null
  useLive().disconnectLive()
  return elsewhere?.url ?? null
}

export function useSession() {
  const role = computed(() => me.value?.role ?? 'viewer')
  const can = (least: Role) => RANK[role.value] >= RANK[least]
  /** Also for what concerns everybody, not only the regions and tags one may be limited to. */
  const canEverywhere = (least: Role) => can(least) && !me.value?.scope.length
  return { me: readonly(me), role, can, canEverywhere, expired, load, recheck, signIn, signOut }
}
