package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one fault put into a file.
type mutant struct {
	id       int
	pkg      string // import path
	file     string // within the module
	function string
	fault    string // what stands there => what stands there instead
	nth      int    // of those with the same fault in the function
	outside  bool   // of any function: no profile says what reaches it

	pos         token.Position // of the replaced text
	reached     token.Position // of the statement, which a profile knows about
	start, end  int            // offsets of the replaced text
	replacement string
	alone       bool // needs a binary of its own
}

// name is the same as long as the function's text around the fault is.
func (m *mutant) name() string {
	name := m.file + " " + m.function + ": " + m.fault
	if m.nth > 1 {
		name += " #" + strconv.Itoa(m.nth)
	}
	return name
}

// A source is a file as it is and all the faults that can be put into it.
type source struct {
	module  string // import path
	pkg     *types.Package
	info    *types.Info
	fset    *token.FileSet
	file    *ast.File
	path    string // on disk
	name    string // within the module
	text    []byte
	mutants []*mutant

	next     func() int // the id of the next mutant
	function string
	parents  []ast.Node
	wraps    map[ast.Node][]rewrite
	binaries map[*ast.BinaryExpr]rewrite
}

// A rewrite is how the binary that has all mutants has one of them.
type rewrite struct {
	*mutant
	around func(text string) string // of a node
	join   func(x, y string) string // of two operands
}

func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

func (s *source) textOf(n ast.Node) string {
	return string(s.text[s.offset(n.Pos()):s.offset(n.End())])
}

func (s *source) add(n ast.Node, replacement, fault string) *mutant {
	m := &mutant{
		id: s.next(), pkg: s.pkg.Path(), file: s.name, function: s.function, fault: fault, nth: 1,
		pos: s.fset.Position(n.Pos()), reached: s.fset.Position(s.statement(n).Pos()), start: s.offset(n.Pos()), end: s.offset(n.End()), replacement: replacement,
		outside: !slices.ContainsFunc(s.parents, func(n ast.Node) bool { _, ok := n.(*ast.BlockStmt); return ok }),
		alone:   s.constant(),
	}
	for _, other := range s.mutants {
		if other.function == m.function && other.fault == m.fault {
			m.nth++
		}
	}
	s.mutants = append(s.mutants, m)
	return m
}

// statement returns the statement of a list that the node is in, or the node: what
// is behind a function within a statement, and the cases of a switch, belong to no
// block of a profile.
func (s *source) statement(n ast.Node) ast.Node {
	for i, below := len(s.parents), n; i > 0; i-- {
		parent := s.parents[i-1]
		switch st := below.(type) {
		case *ast.CaseClause, *ast.CommClause:
		case ast.Stmt:
			if inList(parent, st) {
				return st
			}
		}
		below = parent
	}
	return n
}

// replace adds the mutant that has another text in the place of a node.
func (s *source) replace(n ast.Node, replacement string) *mutant {
	return s.add(n, replacement, short(s.textOf(n))+" => "+short(replacement))
}

// wrap puts text around a node in the binary that has all mutants.
func (s *source) wrap(n ast.Node, m *mutant, around func(text string) string) {
	s.wraps[n] = append(s.wraps[n], rewrite{mutant: m, around: around})
}

func short(text string) string {
	const most = 120
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return text
}

func on(m *mutant) string  { return fmt.Sprintf("(mutant__ == %d)", m.id) }
func off(m *mutant) string { return fmt.Sprintf("(mutant__ != %d)", m.id) }

// parent returns the nth node above the present one.
func (s *source) parent(n int) ast.Node {
	if n > len(s.parents) {
		return nil
	}
	return s.parents[len(s.parents)-n]
}

// constant reports whether only a constant may stand at the present node.
func (s *source) constant() bool {
	for _, n := range s.parents {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
			return true
		}
	}
	return false
}

// find finds all mutants of the file.
func (s *source) find() {
	s.wraps = make(map[ast.Node][]rewrite)
	s.binaries = make(map[*ast.BinaryExpr]rewrite)
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body == nil {
				continue
			}
			s.function = d.Name.Name
			if d.Recv != nil {
				s.function = receiver(d.Recv.List[0].Type) + "." + s.function
			}
			s.parents = []ast.Node{d}
			s.walk(d.Body)
		case *ast.GenDecl:
			if d.Tok == token.IMPORT || d.Tok == token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				spec := spec.(*ast.ValueSpec)
				s.function = d.Tok.String() + " " + spec.Names[0].Name
				s.parents = []ast.Node{d}
				s.walk(spec)
			}
		}
	}
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return "(*" + receiver(t.X) + ")"
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

func (s *source) walk(n ast.Node) {
	s.at(n)
	s.parents = append(s.parents, n)
	for _, c := range children(n) {
		if s.relevant(n, c) {
			s.walk(c)
		}
	}
	s.parents = s.parents[:len(s.parents)-1]
}

// relevant reports whether faults in a child of a node can be any: types have
// none, and a capacity is no behaviour.
func (s *source) relevant(n, child ast.Node) bool {
	switch n := n.(type) {
	case *ast.ArrayType:
		return child != n.Len
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "make" && len(n.Args) > 1 {
			_, slice := s.info.TypeOf(n.Args[0]).Underlying().(*types.Slice)
			return child != n.Args[len(n.Args)-1] || slice && len(n.Args) == 2 || isChan(s.info.TypeOf(n.Args[0]))
		}
	}
	return true
}

func isChan(t types.Type) bool { _, ok := t.Underlying().(*types.Chan); return ok }

// children returns the nodes right below a node, in the order of the text.
func children(n ast.Node) []ast.Node {
	var below []ast.Node
	ast.Inspect(n, func(c ast.Node) bool {
		if c == nil || c == n {
			return c == n
		}
		if _, comment := c.(*ast.CommentGroup); !comment {
			below = append(below, c)
		}
		return false
	})
	slices.SortStableFunc(below, func(a, b ast.Node) int { return int(a.Pos() - b.Pos()) })
	return below
}

func (s *source) at(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		s.binary(n)
	case *ast.BasicLit:
		s.integer(n)
	case *ast.IncDecStmt:
		s.step(n)
	case *ast.AssignStmt:
		s.assignment(n)
	case *ast.BranchStmt:
		s.branch(n)
	case *ast.ReturnStmt:
		s.results(n)
	case *ast.IfStmt:
		s.condition(n.Cond)
		if n.Else == nil {
			m := s.add(n.Cond, "false", "if "+short(s.textOf(n.Cond))+" => if false")
			s.wrap(n.Cond, m, func(text string) string { return "(" + text + ") && " + off(m) })
		}
	case *ast.ForStmt:
		s.condition(n.Cond)
	case *ast.CaseClause:
		if sw, ok := s.parent(2).(*ast.SwitchStmt); ok && sw.Tag == nil {
			for _, c := range n.List {
				s.condition(c)
			}
		}
	}
	if st, ok := n.(ast.Stmt); ok {
		s.deletion(st)
	}
}

// condition negates what is neither a comparison nor made of two: those have
// mutants of their own.
func (s *source) condition(e ast.Expr) {
	switch inner := ast.Unparen(e).(type) {
	case nil:
		return
	case *ast.BinaryExpr:
		return
	case *ast.UnaryExpr:
		if inner.Op == token.NOT {
			s.negate(e, s.textOf(inner.X))
			return
		}
	}
	s.negate(e, "!"+s.textOf(e))
}

func (s *source) negate(e ast.Expr, replacement string) {
	m := s.replace(e, replacement)
	s.wrap(e, m, func(text string) string { return "((" + text + ") != " + on(m) + ")" })
}

var (
	negated = map[token.Token]token.Token{
		token.EQL: token.NEQ, token.NEQ: token.EQL,
		token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
	}
	moved = map[token.Token]token.Token{
		token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	}
	// The same faults are in helpers.go.txt.
	arithmetic = map[token.Token]token.Token{
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
		token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND, token.AND_NOT: token.AND,
		token.SHL: token.SHR, token.SHR: token.SHL,
	}
	helpers = map[token.Token]string{
		token.LSS: "Less", token.LEQ: "LessEqual", token.GTR: "Greater", token.GEQ: "GreaterEqual",
		token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Quo", token.REM: "Rem",
		token.AND: "And", token.OR: "Or", token.XOR: "Xor", token.AND_NOT: "AndNot", token.SHL: "Shl", token.SHR: "Shr",
	}
	assignments = map[token.Token]token.Token{
		token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
		token.MUL_ASSIGN: token.QUO_ASSIGN, token.QUO_ASSIGN: token.MUL_ASSIGN, token.REM_ASSIGN: token.MUL_ASSIGN,
		token.AND_ASSIGN: token.OR_ASSIGN, token.OR_ASSIGN: token.AND_ASSIGN, token.XOR_ASSIGN: token.AND_ASSIGN,
		token.AND_NOT_ASSIGN: token.AND_ASSIGN, token.SHL_ASSIGN: token.SHR_ASSIGN, token.SHR_ASSIGN: token.SHL_ASSIGN,
	}
)

func (s *source) binary(e *ast.BinaryExpr) {
	if s.info.Types[e].Value != nil {
		return
	}
	with := func(op token.Token) *mutant {
		return s.replace(e, s.textOf(e.X)+" "+op.String()+" "+s.textOf(e.Y))
	}
	switch e.Op {
	case token.LAND, token.LOR:
		other := token.LAND
		if e.Op == token.LAND {
			other = token.LOR
		}
		// a || b is !(!a && !b), and the other way round.
		m := with(other)
		s.binaries[e] = rewrite{mutant: m, join: func(x, y string) string {
			return fmt.Sprintf("((((%s) != %s) %s ((%s) != %s)) != %s)", x, on(m), e.Op, y, on(m), on(m))
		}}
		s.condition(e.X)
		s.condition(e.Y)
	case token.EQL, token.NEQ:
		s.negateComparison(e, with(negated[e.Op]))
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		boundary := with(moved[e.Op])
		s.binaries[e] = rewrite{mutant: boundary, join: func(x, y string) string {
			return fmt.Sprintf("mutant%s__(%d, %s, %s)", helpers[e.Op], boundary.id, x, y)
		}}
		s.negateComparison(e, with(negated[e.Op]))
	default:
		op, ok := arithmetic[e.Op]
		if !ok || !isNumber(s.info.TypeOf(e)) {
			return
		}
		m, instance := with(op), ""
		if e.Op == token.SHL || e.Op == token.SHR {
			instance = "[" + s.typeName(s.info.TypeOf(e), m) + ", " + s.typeName(s.info.TypeOf(e.Y), m) + "]"
		}
		s.binaries[e] = rewrite{mutant: m, join: func(x, y string) string {
			return fmt.Sprintf("mutant%s__%s(%d, %s, %s)", helpers[e.Op], instance, m.id, x, y)
		}}
	}
}

func (s *source) negateComparison(e *ast.BinaryExpr, m *mutant) {
	s.wrap(e, m, func(text string) string { return "((" + text + ") != " + on(m) + ")" })
}

func isNumber(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0
}

// typeName returns how the file may call a type. A mutant that needs a type that
// the file does not import is compiled by itself.
func (s *source) typeName(t types.Type, m *mutant) string {
	return types.TypeString(types.Default(t), func(p *types.Package) string {
		if p == s.pkg {
			return ""
		}
		for _, i := range s.file.Imports {
			if name := s.info.PkgNameOf(i); name != nil && name.Imported() == p {
				return name.Name()
			}
		}
		m.alone = true
		return p.Name()
	})
}

// typeOf returns the type of a constant, which may be that of what it is part of.
func (s *source) typeOf(l *ast.BasicLit) types.Type {
	t := s.info.TypeOf(l)
	for i := len(s.parents) - 1; i >= 0 && isUntyped(t); i-- {
		e, ok := s.parents[i].(ast.Expr)
		if !ok || s.info.Types[e].Value == nil {
			break
		}
		t = s.info.TypeOf(e)
	}
	return t
}

func isUntyped(t types.Type) bool {
	b, ok := t.(*types.Basic)
	return ok && b.Info()&types.IsUntyped != 0
}

func (s *source) integer(l *ast.BasicLit) {
	if l.Kind != token.INT {
		return
	}
	value, err := strconv.ParseInt(l.Value, 0, 64)
	if err != nil {
		return
	}
	format := func(n int64) string {
		if strings.HasPrefix(l.Value, "0o") {
			return fmt.Sprintf("0o%o", n)
		}
		return strconv.FormatInt(n, 10)
	}
	more, less := s.replace(l, format(value+1)), &mutant{}
	if value > 0 {
		less = s.replace(l, format(value-1))
	}
	name := s.typeName(s.typeOf(l), more)
	less.alone = more.alone
	s.wrap(l, more, func(text string) string {
		return fmt.Sprintf("mutantOff__[%s](%d, %d, %s)", name, more.id, less.id, text)
	})
}

func (s *source) step(st *ast.IncDecStmt) {
	other, sign := "--", "+"
	if st.Tok == token.DEC {
		other, sign = "++", "-"
	}
	m := s.replace(st, s.textOf(st.X)+other)
	name := s.typeName(s.info.TypeOf(st.X), m)
	s.wrap(st, m, func(text string) string {
		return fmt.Sprintf("%s %s= mutantStep__[%s](%d)", text[:len(text)-2], sign, name, m.id)
	})
}

func (s *source) assignment(st *ast.AssignStmt) {
	op, ok := assignments[st.Tok]
	if !ok || !isNumber(s.info.TypeOf(st.Lhs[0])) || !inList(s.parent(1), st) {
		return
	}
	m := s.replace(st, s.textOf(st.Lhs[0])+" "+op.String()+" "+s.textOf(st.Rhs[0]))
	s.wrap(st, m, func(text string) string {
		return "if " + on(m) + " { " + m.replacement + " } else { " + text + " }"
	})
}

// inList reports whether a statement stands among other statements.
func inList(parent ast.Node, st ast.Stmt) bool {
	switch p := parent.(type) {
	case *ast.BlockStmt, *ast.CaseClause:
		return true
	case *ast.CommClause:
		return p.Comm != st
	}
	return false
}

// branch makes break of continue and the other way round, where both can be.
func (s *source) branch(st *ast.BranchStmt) {
	var other token.Token
	switch st.Tok {
	case token.BREAK:
		other = token.CONTINUE
	case token.CONTINUE:
		other = token.BREAK
	default:
		return
	}
	label := ""
	if st.Label != nil {
		label = " " + st.Label.Name
	}
	m := s.replace(st, other.String()+label)
	m.alone = !s.inLoop(st.Label) || !inList(s.parent(1), st)
	s.wrap(st, m, func(text string) string { return "if " + on(m) + " { " + m.replacement + " } else { " + text + " }" })
}

// inLoop reports whether continue can stand at the present node, and break
// without making an endless loop one that ends.
func (s *source) inLoop(label *ast.Ident) bool {
	for i, parent := range slices.Backward(s.parents) {
		switch n := parent.(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return false
		case *ast.ForStmt:
			if label == nil || s.labels(i, label) {
				return n.Cond != nil
			}
		case *ast.RangeStmt:
			if label == nil || s.labels(i, label) {
				return true
			}
		}
	}
	return false
}

func (s *source) labels(i int, label *ast.Ident) bool {
	l, ok := s.parents[i-1].(*ast.LabeledStmt)
	return ok && l.Label.Name == label.Name
}

func (s *source) results(st *ast.ReturnStmt) {
	var signature *types.Signature
	for i := len(s.parents) - 1; i >= 0 && signature == nil; i-- {
		switch f := s.parents[i].(type) {
		case *ast.FuncLit:
			signature = s.info.TypeOf(f).(*types.Signature)
		case *ast.FuncDecl:
			signature = s.info.Defs[f.Name].Type().(*types.Signature)
		}
	}
	if signature == nil || len(st.Results) != signature.Results().Len() {
		return
	}
	for i, e := range st.Results {
		s.result(e, signature.Results().At(i).Type())
	}
}

func (s *source) result(e ast.Expr, t types.Type) {
	tv := s.info.Types[e]
	if _, literal := e.(*ast.BasicLit); tv.IsNil() || tv.Value != nil && isNumber(t) && (literal || constant.Sign(tv.Value) == 0) {
		return
	}
	var far mutant
	zero, name := "nil", s.typeName(t, &far)
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			if _, literal := e.(*ast.Ident); literal && s.info.Types[e].Value != nil {
				m := s.replace(e, strconv.FormatBool(s.textOf(e) == "false"))
				s.wrap(e, m, func(text string) string { return "(" + text + " != " + on(m) + ")" })
				return
			}
			s.condition(e)
			return
		case u.Info()&types.IsString != 0:
			zero = `""`
		default:
			zero = "0"
		}
	case *types.Struct, *types.Array:
		zero = "*new(" + name + ")"
	case *types.Interface:
		if _, param := t.(*types.TypeParam); param {
			zero = "*new(" + name + ")"
		}
	}
	if text := s.textOf(e); text == zero || text == name+"{}" {
		return
	}
	m := s.add(e, zero, "return "+short(s.textOf(e))+" => return "+zero)
	m.alone = far.alone
	s.wrap(e, m, func(text string) string { return fmt.Sprintf("mutantZero__[%s](%d, %s)", name, m.id, text) })
}

// deletion deletes statements that stand for themselves.
func (s *source) deletion(st ast.Stmt) {
	if !inList(s.parent(1), st) {
		return
	}
	switch st := st.(type) {
	case *ast.ExprStmt:
		if c, ok := st.X.(*ast.CallExpr); ok {
			if f, ok := c.Fun.(*ast.Ident); ok && f.Name == "panic" {
				return
			}
		}
	case *ast.AssignStmt:
		if st.Tok == token.DEFINE || !slices.ContainsFunc(st.Lhs, func(e ast.Expr) bool {
			i, ok := e.(*ast.Ident)
			return !ok || i.Name != "_"
		}) {
			return
		}
	case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
	default:
		return
	}
	// What is imported or declared for the statement alone is not missed.
	m := s.add(st, "", short(s.textOf(st))+" => deleted")
	s.wrap(st, m, func(text string) string { return "if " + off(m) + " { " + text + " }" })
}

// all returns the file's text with all mutants that are not alone in it, of
// which the variable mutant__ chooses one.
func (s *source) all() []byte {
	var b bytes.Buffer
	last := 0
	for _, d := range s.file.Decls {
		b.Write(s.text[last:s.offset(d.Pos())])
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			b.Write(s.text[s.offset(f.Pos()):s.offset(f.Body.Pos())])
			b.WriteString(s.render(f.Body))
		} else {
			b.WriteString(s.render(d))
		}
		last = s.offset(d.End())
	}
	b.Write(s.text[last:])
	return b.Bytes()
}

// one returns the file's text with one mutant in it.
func (s *source) one(m *mutant) []byte {
	return slices.Concat(s.text[:m.start], []byte(m.replacement), s.text[m.end:])
}

// render never moves text to another line.
func (s *source) render(n ast.Node) string {
	var text string
	if b, ok := n.(*ast.BinaryExpr); ok && s.binaries[b].join != nil && !s.binaries[b].alone {
		gap := s.text[s.offset(b.X.End()):s.offset(b.Y.Pos())]
		text = s.binaries[b].join(s.render(b.X), strings.Repeat("\n", bytes.Count(gap, []byte("\n")))+s.render(b.Y))
	} else {
		var out strings.Builder
		last := s.offset(n.Pos())
		for _, c := range children(n) {
			out.Write(s.text[last:s.offset(c.Pos())])
			out.WriteString(s.render(c))
			last = s.offset(c.End())
		}
		out.Write(s.text[last:s.offset(n.End())])
		text = out.String()
	}
	for _, r := range s.wraps[n] {
		if !r.alone {
			text = r.around(text)
		}
	}
	return text
}
