package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"argos/spectrum"
	"argos/stream/wire"
)

const (
	rowsAtOnce = 64              // ranges that are looked at for one answer
	rowsMost   = messageMost / 2 // of the link that an answer may take, but for its first range: what is live goes on between
	rowMost    = messageMost / 8 // and a row of it, or it goes in a lower tier
	rowsBytes  = 1 << 20         // of an answer, but for its first range
	rowsBins   = maxBins         // the same of its rows, which whoever reads it has to hold

	// Merging takes about as long as there are bins, however many frames they are of; what is
	// asked of the past by all viewers together may take so many a second.
	mergedRate = 4 << 20
	mergedMost = 4 << 20     // at once
	mergedWait = time.Second // for a turn; then the answer goes as it is
)

// A Range is the frames First to Last.
type Range struct{ First, Last uint64 }

// Rows are what ranges of past frames looked like, a row for each and generation in it.
type Rows struct {
	Frames   []*spectrum.Frame // range by range, in order of time
	Answered int               // of the ranges asked for; 0: the server is busy

	Oldest     uint64        // frame that the server holds; 0: none
	OldestAt   time.Time     // its first sample on the server's clock,
	OldestMono time.Duration // and by the clock that nobody sets
}

// A recall makes the rows of one answer.
type recall struct {
	*maker
	history  *spectrum.History
	merging  *rate.Limiter
	encoding encoding
	view     View
	flow     flow
	halved   int    // how often the cells of the last row were
	message  []byte // of that
}

// recall answers a viewer that asks for past frames, as its view and its link are now.
func (v *viewer) recall(ctx context.Context, ask *wire.RowsRequest) (*wire.Rows, error) {
	turn, cancel := context.WithTimeout(ctx, mergedWait)
	defer cancel()
	c := &recall{maker: makers.Get().(*maker), history: v.server.history, merging: v.server.merging, encoding: v.encoding}
	defer makers.Put(c.maker)
	v.mu.Lock()
	c.view, c.flow = v.view, v.flow
	v.mu.Unlock()
	answer := &wire.Rows{Key: ask.GetKey()}
	ranges, bytes, bins := ask.GetRanges(), 0, 0
	for _, r := range ranges[:min(len(ranges), rowsAtOnce)] {
		if c.merging.WaitN(turn, c.cost(r.GetFirst(), r.GetLast())) != nil {
			break // another turn is for the rest
		}
		rows, size, err := c.rows(r)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			bins += int(row.GetGrid().GetBins())
		}
		if bytes += size; answer.GetAnswered() > 0 && (bytes > rowsBytes || bins > rowsBins || c.flow.takes(bytes) > rowsMost) {
			break
		}
		answer.Answered++
		answer.Rows = append(answer.Rows, rows...)
	}
	if oldest, first, mono := c.history.Oldest(); oldest < c.history.Head() {
		answer.Oldest, answer.OldestNs, answer.OldestMonoNs = oldest, first.UnixNano(), int64(mono)
	}
	return answer, nil
}

// writeRows sends rows that were asked for, beside what is counted as under way.
func (v *viewer) writeRows(ctx context.Context, m *wire.ServerMessage) error {
	err := v.send(ctx, m)
	v.mu.Lock()
	v.flow.sendBeside(len(v.scratch), time.Now())
	v.mu.Unlock()
	return err
}

// cost is what of mergedRate frames take, where all have the grid of the first.
func (c *recall) cost(first, last uint64) int {
	const few, strips = 4, 32 // how many merges stand for few frames, and how many frames each does of many
	first, end := max(first, c.history.Tail()), min(last, c.history.Head()-1)+1
	grid, held := c.history.GridAt(first)
	if !held || first >= end {
		return tierCells
	}
	return min((few+int((end-first)/strips))*max(grid.Bins, tierCells), mergedMost)
}

// rows are what is held of the newest generations of r, and how many bytes they take. Those
// behind the first are paid for afterwards, by who asks next.
func (c *recall) rows(r *wire.Range) (rows []*wire.Frame, bytes int, err error) {
	end := min(r.GetLast(), c.history.Head()) + 1
	for from := c.history.Recent(r.GetFirst(), end, generationsAtOnce); from < end && c.history.Merge(&c.merged, from, end); from = c.merged.LastSeq + 1 {
		if len(rows) > 0 {
			c.merging.ReserveN(time.Now(), c.cost(from, end-1))
		}
		size, err := c.encode()
		if err != nil {
			return nil, 0, err
		}
		rows, bytes = append(rows, proto.CloneOf(&c.encoder.frame)), bytes+size
	}
	return rows, bytes, nil
}

// encode makes what was merged a row, in the highest tier that the link takes quickly, and
// tells its size.
func (c *recall) encode() (bytes int, err error) {
	asked := c.merged.Grid.Slice(c.view.LowHz, c.view.HighHz, c.view.Columns)
	for c.halved > 0 && asked.Tier(c.halved).Cells() < tierCells { // those before had more bins
		c.halved--
	}
	for {
		row, slice := &c.merged, asked.Tier(c.halved)
		if slice.Cells() < row.Grid.Bins {
			row = &c.tier
			spectrum.Reduce(row, &c.merged, slice)
		}
		c.message, err = c.encoder.encode(c.message[:0], c.encoding, row, time.Now())
		bytes = len(c.message)
		if err != nil || c.flow.takes(bytes) <= rowMost || asked.Tier(c.halved+1).Cells() < tierCells {
			return bytes, err
		}
		c.halved++
	}
}

var errRows = errors.New("rows that were not asked for")

// Rows asks what ranges of past frames of this epoch looked like, at most 64, the most
// wanted first: a row for each generation in a range, of the newest four, in the client's
// View, peaks whole. It waits for the answer, at most 10 s, which is bounded by what the link
// takes: the ranges behind the first Answered are to be asked for again. Of what the server no
// longer holds there is no row. The rows are no part of what comes by itself: the Sink gets
// none of them, and no hole is filled.
func (c *Client) Rows(ctx context.Context, ranges []Range) (Rows, error) {
	m, err := c.ask(ctx, func(key string) *wire.ClientMessage {
		ask := &wire.RowsRequest{Key: key}
		for _, r := range ranges[:min(len(ranges), rowsAtOnce)] {
			ask.Ranges = append(ask.Ranges, &wire.Range{First: r.First, Last: r.Last})
		}
		return &wire.ClientMessage{Kind: &wire.ClientMessage_Rows{Rows: ask}}
	})
	if err != nil {
		return Rows{}, fmt.Errorf("past frames: %w", err)
	}
	rows, err := rowsOf(m.GetRows(), ranges)
	if err != nil {
		return Rows{}, fmt.Errorf("past frames: %w", err)
	}
	return rows, nil
}

// rowsOf reads the answer to a request for ranges.
func rowsOf(m *wire.Rows, ranges []Range) (Rows, error) {
	answered := min(uint64(m.GetAnswered()), uint64(len(ranges)))
	rows := Rows{
		Answered: int(answered), Oldest: m.GetOldest(),
		OldestAt: time.Unix(0, m.GetOldestNs()), OldestMono: time.Duration(m.GetOldestMonoNs()),
	}
	ranges = ranges[:answered]
	last, bins, decoder := uint64(0), 0, new(frameDecoder)
	for _, row := range m.GetRows() {
		for len(ranges) > 0 && (row.GetFirstSeq() < max(ranges[0].First, last+1) || row.GetLastSeq() > ranges[0].Last) {
			ranges, last = ranges[1:], 0
		}
		bins += int(min(row.GetGrid().GetBins(), maxBins))
		if len(ranges) == 0 || bins > generationsAtOnce*maxBins || len(rows.Frames) == generationsAtOnce*rowsAtOnce {
			return Rows{}, errRows
		}
		decoded, err := decoder.decode(row)
		if err != nil {
			return Rows{}, err
		}
		f := new(spectrum.Frame)
		f.CopyFrom(decoded)
		rows.Frames, last = append(rows.Frames, f), f.LastSeq
	}
	return rows, nil
}
