package bunstore

import (
	"encoding/hex"

	"github.com/uptrace/bun/schema"
)

// literal returns v as Bun's builder is given it, which writes values into the
// text. Bun writes bytes for PostgreSQL with a backslash, which a server with
// standard_conforming_strings = off takes for something else: such a query
// would find nothing, and say that all is well.
func (b *backend) literal(v []byte) any {
	if b.dollars {
		return decoded(v)
	}
	return v
}

// textLiteral is literal for a column that holds text.
func (b *backend) textLiteral(s string) any {
	if b.dollars {
		return decoded(s)
	}
	return b.text(s)
}

func (b *backend) textLiterals(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = b.textLiteral(s)
	}
	return out
}

// decoded are bytes, written without a backslash.
type decoded []byte

var _ schema.QueryAppender = decoded(nil)

// AppendQuery implements [schema.QueryAppender].
func (d decoded) AppendQuery(_ schema.QueryGen, q []byte) ([]byte, error) {
	q = append(q, "decode('"...)
	q = hex.AppendEncode(q, d)
	return append(q, "', 'hex')"...), nil
}
