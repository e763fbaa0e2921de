package phones

import (
	"slices"
	"strings"
	"unique"

	"geelark_exporter/geelark"
)

// A table has the rows of all phones and what is counted of them. Whatever is
// known of a phone changes in update, which keeps the counts and the chunks right.
type table struct {
	byID   map[string]*row
	rows   []*row  // by place
	blocks []block // of the most rows that there were

	conditions   column[unique.Handle[Condition]]
	descriptions column[*Description]

	// descents are the places, or somewhat more, whose ids are below those before
	// them.
	descents int

	standings map[Standing]int
	ages      ages // of current statuses
}

// A Standing is what phones are counted by.
type Standing struct {
	Listed    bool
	Group     string
	Knowledge Knowledge
	Status    geelark.Status // of current ones
}

// blockSize is the places of a block.
const blockSize = 64

// A block is blockSize places of the table.
type block struct {
	// Lower bounds of the times at which its current statuses were told, and
	// its descriptions that tell of a task. They find the blocks that grow old.
	observed, described instant
}

func newTable() table {
	return table{
		byID: make(map[string]*row), standings: make(map[Standing]int), ages: ages{told: make(map[instant]int)},
		conditions:   column[unique.Handle[Condition]]{size: conditionsSize, of: func(r *row) unique.Handle[Condition] { return r.condition }},
		descriptions: column[*Description]{size: descriptionsSize, of: func(r *row) *Description { return r.description }},
	}
}

func (t *table) block(r *row) *block { return &t.blocks[r.place/blockSize] }

// add adds a phone of which nothing is known.
func (t *table) add(id string) *row {
	r := &row{id: id, place: len(t.rows), condition: unique.Make(Condition{}), unlistedAt: never, observedAt: never, describedAt: never}
	if r.place > 0 && id < t.rows[r.place-1].id {
		t.descents++
	}
	t.byID[id] = r
	t.rows = append(t.rows, r)
	if r.place/blockSize == len(t.blocks) {
		t.blocks = append(t.blocks, block{observed: ever, described: ever})
	}
	t.move(r.place)
	t.count(r)
	return r
}

// remove fills the row's place with the last row.
func (t *table) remove(r *row) {
	t.uncount(r)
	delete(t.byID, r.id)
	last := t.rows[len(t.rows)-1]
	if last != r {
		t.descents++
	}
	t.move(last.place)
	t.move(r.place)
	t.rows[r.place] = last
	last.place = r.place
	t.block(last).include(last)
	t.rows = slices.Delete(t.rows, len(t.rows)-1, len(t.rows))
}

// order puts the rows in the order of their ids when too many of them do not
// follow on the ones before: neighbours with a long prefix in common compress to
// less, but each chunk whose rows move has to be rendered again.
func (t *table) order() {
	if t.descents*8 <= len(t.rows) {
		return
	}
	slices.SortFunc(t.rows, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	for place, r := range t.rows {
		if r.place != place {
			r.place = place
			t.move(place)
			t.block(r).observed, t.block(r).described = never, never
		}
	}
	t.descents = 0
}

// update changes what is known of a phone.
func (t *table) update(r *row, change func(*row)) {
	condition, description := r.condition, r.description
	t.uncount(r)
	change(r)
	t.count(r)
	if r.condition != condition {
		t.conditions.change(r.place)
	}
	if r.description != description {
		t.descriptions.change(r.place)
	}
}

func (t *table) standing(r *row) Standing {
	c := r.condition.Value()
	s := Standing{Knowledge: c.Knowledge}
	if c.Knowledge == Current {
		s.Status = c.Status
	}
	if d := r.description; d != nil {
		s.Listed, s.Group = d.Listed, d.Group
	}
	return s
}

func (t *table) count(r *row) {
	s := t.standing(r)
	t.standings[s]++
	if s.Knowledge == Current {
		t.ages.add(r.observedAt)
	}
	t.block(r).include(r)
}

func (t *table) uncount(r *row) {
	s := t.standing(r)
	if t.standings[s]--; t.standings[s] == 0 {
		delete(t.standings, s)
	}
	if s.Knowledge == Current {
		t.ages.remove(r.observedAt)
	}
}

// cutoffs are the times before which what was told is outdated.
type cutoffs struct{ status, rpa instant }

// isOld reports whether settling the block can change something.
func (b *block) isOld(c cutoffs) bool { return b.observed < c.status || b.described < c.rpa }

// include makes the bounds include a row's times.
func (b *block) include(r *row) {
	if r.condition.Value().Knowledge == Current {
		b.observed = min(b.observed, r.observedAt)
	}
	if d := r.description; d != nil && d.Listed && !d.RPAOutdated {
		b.described = min(b.described, r.describedAt)
	}
}

// move is called when another phone is at a place.
func (t *table) move(place int) {
	t.conditions.change(place)
	t.descriptions.change(place)
}

// in returns the rows of a block.
func (t *table) in(block int) []*row {
	rows := t.rows[min(block*blockSize, len(t.rows)):]
	return rows[:min(blockSize, len(rows))]
}

// settle brings what depends on time up to date in a block: statuses and running
// tasks that were told too long ago, or that can be trusted after all.
func (t *table) settle(block int, c cutoffs) {
	t.blocks[block].observed, t.blocks[block].described = ever, ever
	for _, r := range t.in(block) {
		t.update(r, func(r *row) {
			if v := r.condition.Value(); v.Knowledge == Current || v.Knowledge == Outdated {
				v.Knowledge = Current
				if r.observedAt < c.status {
					v.Knowledge = Outdated
				}
				r.condition = unique.Make(v)
			}
			if d := r.description; d != nil && d.Listed && d.RPAOutdated != (r.describedAt < c.rpa) {
				changed := *d
				changed.RPAOutdated = !d.RPAOutdated
				r.description = &changed
			}
		})
	}
}

// chunks returns the chunks of all phones.
func (t *table) chunks() ([]*Conditions, []*Descriptions) {
	t.order()
	descriptions := t.descriptions.take(t.rows, func(from, to int) []string {
		ids := make([]string, to-from)
		for i, r := range t.rows[from:to] {
			ids[i] = r.id
		}
		return ids
	})
	// What a phone's move makes anew, it does in both.
	conditions := t.conditions.take(t.rows, func(from, to int) []string {
		ids := descriptions[from/descriptionsSize].ids
		return ids[from%descriptionsSize:][:to-from]
	})
	return conditions, descriptions
}
