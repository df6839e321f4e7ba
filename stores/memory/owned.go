package memory

// An owned sort of things is deleted with its user.
type owned[T indexed[T]] interface {
	sort[T]
	home(t T) int // the shard that has t
	users() *index[T]
	// forget is drop but for the index.
	forget(i int, t T)
}

var (
	_ owned[*session] = (*sessions)(nil)
	_ owned[*ticket]  = (*tickets)(nil)
)

// deleteOwned drops the things of the user that are doomed, all of them or, for
// whoever looks meanwhile, none.
//
// Which shards they are in is in the index, whose lock comes after those of the
// shards. So it looks, locks what it needs, and looks again. Others may have
// come up by then, so that it needs more; it then begins anew with more shards,
// of which there are only so many.
func deleteOwned[T indexed[T]](s owned[T], user string, doomed func(T) bool) {
	u := s.users().of(user)
	try := func(locked set) (needed set) {
		locked.each(func(i int) { s.shard(i).mu.Lock() })
		defer locked.each(func(i int) { s.shard(i).mu.Unlock() })
		u.mu.Lock()
		defer u.mu.Unlock()
		all := u.all(user, doomed)
		for _, t := range all {
			needed.add(s.home(t))
		}
		if needed&^locked != 0 {
			return needed
		}
		for _, t := range all {
			u.remove(t)
			s.forget(s.home(t), t)
		}
		return 0
	}
	for locked := set(0); ; {
		needed := try(locked)
		if needed == 0 {
			return
		}
		locked |= needed
	}
}
