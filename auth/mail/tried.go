package mail

import (
	"bytes"
	"slices"
)

// An outbox counts how often an entry was claimed, and not every claim gets as far as the
// server: the Composer fails, or the worker has to stop. How often the server has not
// taken a mail is therefore kept in front of the entry's data, which is what Postpone
// keeps, and is not seen by Composers.
const triedMark = "\x00tried" // and one byte

// mostData is how long data may be, so that there is always room for the mark.
const mostData = 65_000

func withTried(data []byte, n int) []byte {
	return slices.Concat([]byte(triedMark), []byte{byte(min(n, 255))}, data)
}

// cutTried returns data as it was enqueued, and the count.
func cutTried(data []byte) (rest []byte, n int) {
	rest, ok := bytes.CutPrefix(data, []byte(triedMark))
	switch {
	case !ok || len(rest) == 0:
		return data, 0
	case len(rest) == 1:
		return nil, int(rest[0])
	}
	return rest[1:], int(rest[0])
}

// escaped returns data so that cutTried makes no count of what is none.
func escaped(data []byte) []byte {
	if bytes.HasPrefix(data, []byte(triedMark)) {
		return withTried(data, 0)
	}
	return data
}
