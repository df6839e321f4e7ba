package gorillastore

// Statements returns those that are prepared.
func (b *Bun) Statements() []string {
	return []string{b.load.sql, b.create.sql, b.update.sql, b.version.sql, b.delete.sql, b.sweep.sql}
}

// States returns how many sessions the store knows the state of.
func (s *Store) States() (n int) {
	s.states.m.Range(func(any, any) bool { n++; return true })
	return n
}
