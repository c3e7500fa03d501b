package delivery

import "container/heap"

// queue is a heap of lanes. A lane stands in one queue at most and knows where.
type queue struct {
	lanes []*lane
	less  func(a, b *lane) bool
}

// byTime is for lanes that wait for their moment.
func byTime(a, b *lane) bool { return a.at.Before(b.at) }

// byPriority is for lanes that wait for the bot's rate: the higher priority first, then whoever waits longer.
func byPriority(a, b *lane) bool {
	if p, q := a.current.job.Priority, b.current.job.Priority; p != q {
		return p > q
	}
	if !a.since.Equal(b.since) {
		return a.since.Before(b.since)
	}
	return a.current.job.Seq < b.current.job.Seq
}

func (q *queue) Len() int           { return len(q.lanes) }
func (q *queue) Less(i, j int) bool { return q.less(q.lanes[i], q.lanes[j]) }

func (q *queue) Swap(i, j int) {
	q.lanes[i], q.lanes[j] = q.lanes[j], q.lanes[i]
	q.lanes[i].index, q.lanes[j].index = i, j
}

// Push is for container/heap.
func (q *queue) Push(x any) {
	l := x.(*lane)
	l.index = len(q.lanes)
	q.lanes = append(q.lanes, l)
}

// Pop is for container/heap.
func (q *queue) Pop() any {
	last := len(q.lanes) - 1
	l := q.lanes[last]
	q.lanes[last] = nil
	q.lanes = q.lanes[:last]
	return l
}

// add puts a lane in, taking it out of where it stood.
func (q *queue) add(l *lane) {
	l.leave()
	l.in = q
	heap.Push(q, l)
}

// first is the lane whose turn it is, nil if there is none.
func (q *queue) first() *lane {
	if len(q.lanes) == 0 {
		return nil
	}
	return q.lanes[0]
}

// leave takes a lane out of its queue, if it stands in one.
func (l *lane) leave() {
	if l.in != nil {
		heap.Remove(l.in, l.index)
		l.in = nil
	}
}
