package memory

import "github.com/gatehouse-go/gatehouse/auth"

// A table finds sessions by ID. Its map has a hash of 64 bits for its key and
// not the ID of 32 bytes, which every session has in itself already: that
// saves 60 bytes a session. Sessions whose hashes are equal are chained.
type table map[uint64]*session

func (t table) get(hash uint64, id auth.SessionID) *session {
	s := t[hash]
	for s != nil && s.ID != id {
		s = s.twin
	}
	return s
}

func (t table) add(hash uint64, s *session) {
	s.twin = t[hash]
	t[hash] = s
}

func (t table) remove(hash uint64, s *session) {
	head := t[hash]
	switch {
	case head != s:
		for head.twin != s {
			head = head.twin
		}
		head.twin = s.twin
	case s.twin != nil:
		t[hash] = s.twin
	default:
		delete(t, hash)
	}
	s.twin = nil
}
