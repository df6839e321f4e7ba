package memory

// A queued thing knows its place in its queue, and when it expires.
type queued interface {
	comparable
	place() *int32
	expires() int64 // Unix milliseconds; never is far away
}

// A queue has things by when they may have expired: a heap in which each has
// four children.
//
// It is lazy. A thing that lives longer than it did when it was queued stays
// where it is until its turn comes, so that a session which is in use costs
// nothing here. What matters is that no thing stands later than it expires.
type queue[T queued] struct{ due []due[T] }

type due[T queued] struct {
	at   int64
	item T
}

func (q *queue[T]) push(item T) {
	q.due = append(q.due, due[T]{item.expires(), item})
	q.up(len(q.due) - 1)
}

func (q *queue[T]) remove(item T) {
	i, last := int(*item.place()), len(q.due)-1
	moved := q.due[last]
	q.due[last] = due[T]{}
	q.due = q.due[:last]
	if i < last {
		q.due[i] = moved
		q.down(q.up(i))
	}
	if n := cap(q.due); n > 64 && last < n/4 { // the memory of a flood is given back
		q.due = append(make([]due[T], 0, n/2), q.due...)
	}
}

// replace puts item in the place of old.
func (q *queue[T]) replace(old, item T) {
	i := int(*old.place())
	d := &q.due[i]
	d.item = item
	*item.place() = int32(i)
	if at := item.expires(); at < d.at {
		d.at = at
		q.up(i)
	}
}

// expired returns a thing that had expired at now and leaves it in the queue.
// Each thing that it looks at costs one of budget; with none left it finds
// nothing.
func (q *queue[T]) expired(now int64, budget *int) (item T, ok bool) {
	for ; *budget > 0 && len(q.due) > 0 && q.due[0].at <= now; *budget-- {
		top := &q.due[0]
		if top.at = top.item.expires(); top.at <= now {
			*budget--
			return top.item, true
		}
		q.down(0)
	}
	return item, false
}

func (q *queue[T]) up(i int) int {
	d := q.due[i]
	for i > 0 {
		p := (i - 1) / 4
		if q.due[p].at <= d.at {
			break
		}
		q.set(i, q.due[p])
		i = p
	}
	q.set(i, d)
	return i
}

func (q *queue[T]) down(i int) {
	d := q.due[i]
	for {
		first := 4*i + 1
		if first >= len(q.due) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(q.due)); c++ {
			if q.due[c].at < q.due[least].at {
				least = c
			}
		}
		if q.due[least].at >= d.at {
			break
		}
		q.set(i, q.due[least])
		i = least
	}
	q.set(i, d)
}

func (q *queue[T]) set(i int, d due[T]) {
	q.due[i] = d
	*d.item.place() = int32(i)
}
