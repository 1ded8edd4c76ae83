# explain.awk: what a compiler said of a student's files, in plain words:
#     awk -v folder=work/chapter3 -v what=errors|warnings -f explain.awk SAID...
# errors: the first, with its line, its meaning, and the compiler's own words; exit status
# 1 when there is none. warnings: those that matter to who learns, three at most; and, of
# each file of the folder, what no compiler says: 1 / 2 is 0, a result that is thrown away.
BEGIN { most = 3 }
{ gsub(/\r/, ""); gsub(/\342\200[\230\231]/, "'") }
match($0, /:[0-9]+:[0-9]+: (fatal )?(error|warning): /) {
    kind = $0 ~ /:[0-9]+:[0-9]+: warning: / ? "warnings" : "errors"
    file = substr($0, 1, RSTART - 1)
    split(substr($0, RSTART + 1), at, ":")
    message = substr($0, RSTART + RLENGTH)
    flag = match(message, / \[-[Wf][^]]*\]$/) ? substr(message, RSTART + 2, RLENGTH - 3) : ""
    sub(/ \[-[Wf][^]]*\]$/, "", message)
    mine = index(file, folder "/") == 1
    key = file ":" at[1] ":" message
    current = 0
    if (kind != what || key in seen || (what == "warnings" && !mine)) next
    seen[key] = 1
    current = ++count
    files[count] = file
    lines[count] = message ~ /^expected .*;.* before/ ? end_before(file, at[1], at[2]) : at[1]
    messages[count] = message
    flags[count] = flag
    if (mine && !first) first = count
    next
}
current && match($0, /:[0-9]+:[0-9]+: note: /) {
    note = substr($0, RSTART + RLENGTH)
    if (note ~ /declared here|candidate function not viable|passing argument to parameter|candidate: / && !(current in declared)) {
        declared[current] = substr($0, 1, RSTART - 1)
        split(substr($0, RSTART + 1), at, ":")
        declared_at[current] = at[1]
    }
    if (note ~ /^expected '.*but argument is of type/) notes[current] = note
    next
}
/undefined reference to|Undefined symbol|undefined symbol/ && what == "errors" && link == "" {
    link = $0
    sub(/.*(undefined reference to|[Uu]ndefined symbols?:?) */, "", link)
    sub(/^['`]/, "", link)
    sub(/'.*/, "", link)
}
END {
    if (what == "warnings") {
        for (i = 1; i <= count && shown < most; i++) if (worth(i) && !(files[i] ":" lines[i] in told)) show(i)
        if (shown) print ""
        exit
    }
    if (!count && link != "") {
        sub(/\(.*/, "", link)
        print "\nIt compiles, but " link " isn't there: was it deleted, renamed, or is its name mistyped?"
        print "  the compiler's own words: undefined reference to '" link "'"
        exit
    }
    if (!count) exit failed = 1
    show(first ? first : 1)
    if (count > 1)
        print "\n  " count - 1 (count == 2 ? " more error follows" : " more errors follow") \
            "; often the first one's: mend it, then grade again."
}

function show(i,   words) {
    words = plain(messages[i], i)
    if (what == "errors") print "\n" files[i] ":" lines[i] ": this doesn't compile yet"
    else print "\n" files[i] ":" lines[i] ": it compiles, but look at this"
    print "\n    " source(files[i], lines[i]) "\n"
    if (words != "") print wrapped(words)
    if (i in declared && declared[i] !~ /^\/usr/ && messages[i] ~ /argument|matching function/) print_declaration(declared[i], declared_at[i])
    if (flags[i] != "-Wunsaid")
        print "  the compiler's own words: " messages[i]
    told[files[i] ":" lines[i]] = 1
    shown++
}

# The line in which what is wanted before that place ends: an earlier one, where it is the
# line's first.
function end_before(name, number, column,   text, n, last) {
    while ((getline text < name) > 0 && ++n <= number)
        if (n < number ? text ~ /[^ \t]/ : substr(text, 1, column - 1) ~ /[^ \t]/) last = n
    close(name)
    return last ? last : number
}

# The text of that line, without what it begins with.
function source(name, number,   text, n) {
    while ((getline text < name) > 0) if (++n == number) break
    close(name)
    if (n != number) return ""
    gsub(/\t/, " ", text)
    sub(/^ +/, "", text)
    return text
}

function print_declaration(name, number,   text, n, all) {
    while ((getline text < name) > 0) {
        if (++n < number) continue
        sub(/^ +/, "", text)
        all = all (all == "" ? "" : " ") text
        if (text ~ /[;{]/ || n > number + 6) break
    }
    close(name)
    sub(/ *[;{].*/, "", all)
    if (all ~ /\(/) print wrapped("it is declared so: " all)
}

function wrapped(text,   words, n, i, out, column) {
    n = split(text, words, " ")
    out = " "
    column = 1
    for (i = 1; i <= n; i++) {
        if (column + 1 + length(words[i]) > 84) {
            out = out "\n "
            column = 1
        }
        out = out " " words[i]
        column += 1 + length(words[i])
    }
    return out
}

# What stands between the nth pair of quotes.
function quoted(message, nth,   part, n) {
    n = split(message, part, "'")
    return 2 * nth <= n ? part[2 * nth] : ""
}
# The compiler's guess: "did you mean 'x'".
function guess(message) {
    if (!match(message, /did you mean '[^']*'/)) return ""
    return substr(message, RSTART + 14, RLENGTH - 15)
}
function did_you_mean(message,   word) {
    word = guess(message)
    return word == "" || word ~ /^(->|\.)$/ ? "" : ": is " word " meant?"
}
# Is there a type that is a Tensor, one that is a number, a pointer, in these words?
function has_tensor(text) { return text ~ /'(const )?(struct )?Tensor'/ }
function has_pointer(text) { return text ~ /\*'/ }
function has_number(text) { return text ~ /'(const )?(real|double|float|int|long|size_t|bool)'/ }

# The function in which a { has no }: the one before the first function that begins within
# braces.
function open_function(name,   text, n, depth, start, found, i, c) {
    while ((getline text < name) > 0) {
        n++
        gsub(/"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|\/\/.*|\/\*.*\*\//, "", text)
        if (text ~ /^[A-Za-z_][A-Za-z0-9_ *]*\(/ && !found) {
            if (depth > 0 && start) found = start
            start = n
        }
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            depth += (c == "{") - (c == "}")
        }
    }
    close(name)
    return found ? found : depth > 0 ? start : 0
}

# ---- plain words -------------------------------------------------------------------------

function plain(m, i,   all, name, at, n) {
    all = m " " notes[i]
    if (m ~ / is a whole number$/)
        return "Both sides of this / are whole numbers, so its result is one, too: 1 / 2 is 0. With 1.0 / 2 it is 0.5."
    if (m ~ /^the result of .* is thrown away$/)
        return quoted(m, 1) " returns something, and here nobody takes it."

    # Braces and semicolons.
    if (m ~ /expected declaration or statement at end of input|expected '}'|function.definition is not allowed here|invalid storage class for function|static declaration of '.*' follows non-static|qualified-id in declaration/) {
        at = open_function(files[i])
        return at ? "A { has no } of its own. It is in the function that begins in line " at "." : \
            "A { has no } of its own, above this line."
    }
    if (m ~ /extraneous closing brace|expected declaration before '}'|expected identifier or '\(' before '(}|return|for|if|while)'|expected unqualified-id before '(return|for|if|while)'|^expected identifier or '\('|^expected unqualified-id/)
        return "Here is code outside any function: above it a } is too many, or a ; stands behind a function's head."
    if (m ~ /expected ',' or ';' before|expected ';'|expected '=', ',', ';'/)
        return "A ; is missing here, at the end of the statement, or of the line before it."
    if (m ~ /expected '\)'|expected '\]'|expected '\('/)
        return "Brackets don't match: each ( wants its ), each [ its ]. Or an operator or a comma is missing between two things."
    if (m ~ /expected expression|expected primary-expression/)
        return "Something is missing or too many here: an operand, a bracket, a comma?"

    # Names.
    if (m ~ /implicit declaration of function|call to undeclared function|implicitly declaring/)
        return "There is no function " quoted(m, 1) " here" did_you_mean(m) (did_you_mean(m) == "" ? ": is it spelt so, and is its header included?" : "")
    if (m ~ /undeclared|was not declared in this scope/) {
        name = quoted(m, 1)
        return "Nothing is called " name " here" did_you_mean(m) (did_you_mean(m) == "" ? ": is it spelt so? Was it declared inside braces that have ended?" : "")
    }
    if (m ~ /unknown type name|does not name a type/)
        return "There is no type " quoted(m, 1) " here" did_you_mean(m) (did_you_mean(m) == "" ? ": is it spelt so?" : "")
    if (m ~ /has no member named|no member named/) {
        name = m ~ /^no member/ ? quoted(m, 1) : quoted(m, 2)
        at = m ~ /^no member/ ? quoted(m, 2) : quoted(m, 1)
        sub(/^(const )?struct /, "", at)
        return "A " at " has no member " name did_you_mean(m) (did_you_mean(m) == "" ? ": its header has their names." : "")
    }
    if (m ~ /redefinition of|redeclaration of|conflicting types for/)
        return "There is one of that name already: " quoted(m, 1) "."

    # Numbers of arguments.
    if (m ~ /too few arguments/)
        return "This call has fewer arguments than the function takes" counts(m)
    if (m ~ /too many arguments/)
        return "This call has more arguments than the function takes" counts(m)
    if (m ~ /no matching function for call/)
        return "The arguments of this call don't fit the function: their number, or their types."

    # -> and .
    if (m ~ /is a pointer; did you mean to use '->'|which is of pointer type/)
        return "What stands before the . is a pointer: its members are had with ->"
    if (m ~ /invalid type argument of '->'|is not a pointer; did you mean to use '\.'|base operand of '->'/)
        return "What stands before the -> is no pointer but the thing itself: its members are had with ."
    if (m ~ /invalid type argument of unary '\*'|indirection requires pointer operand/)
        return "* wants a pointer, and this is a value."

    # Tensors, numbers, pointers.
    if (m ~ /subscripted value|no match for 'operator\[\]'|does not provide a subscript operator/)
        return "[ ] wants an array or a pointer. A Tensor is neither: its elements are had with tensor_row(T, i)[j]."
    if (has_tensor(all) && has_pointer(all) && all ~ /argument|parameter|assign|initiali|conver/)
        return tensor_pointer(all)
    if (has_tensor(all) && (has_number(all) || m ~ /operands|aggregate value/))
        return "A Tensor stands where a number is wanted, or the reverse. One number of it is tensor_row(T, i)[j]."
    if (m ~ /makes pointer from integer|integer to pointer conversion|from 'int' to '[^']*\*'/)
        return "A pointer (an address) is wanted here, and this is a number. Is an & missing, or a [ ] too many?"
    if (m ~ /makes integer from pointer|pointer to integer conversion|cannot convert '[^']*\*' to '[^'*]*'|from '[^']*\*' to '[^'*]*'/)
        return "A number is wanted here, and this is a pointer (an address). Is a [i] or a * missing?"
    if (m ~ /incompatible pointer type|cannot convert '[^']*\*' to '[^']*\*'/)
        return "This pointer points to something of another type than is wanted."
    if (m ~ /incompatible type|cannot convert|no viable conversion|invalid conversion|invalid operands|aggregate value/) {
        if (has_pointer(all) && has_number(all))
            return "A pointer (an address) stands where a number is wanted, or the reverse. Is a [i], a * or an & missing, or too many?"
        return "Two types don't fit here: what is given isn't what is wanted."
    }
    if (m ~ /lvalue required|expression is not assignable/)
        return "What stands left of the = is nothing that can be written to."
    if (m ~ /assignment of read-only|read-only|const-qualified/)
        return "This may not be written: it is const."

    # Warnings.
    if (m ~ /control reaches end of non-void|no return statement in function|does not return a value/)
        return "This function promises a result, and there is a way to its end without a return."
    if (m ~ /return.* with no value|non-void function .*should return a value/)
        return "This return has no value, and the function promises one."
    if (m ~ /return.* with a value|void function .*should not return a value/)
        return "This function is void: its return has no value."
    if (m ~ /assignment used as truth value|result of an assignment as a condition/)
        return "= sets a variable; what asks whether two are equal is =="
    if (m ~ /equality comparison result unused/ || (m ~ /has no effect|value computed is not used|expression result unused|statement with no effect/ && source(files[i], lines[i]) ~ /==/))
        return "== asks whether two are equal, and nobody hears the answer; what sets a variable is ="
    if (m ~ /has no effect|with no effect|value computed is not used|expression result unused|ignoring return value/)
        return "This computes something, and throws the result away."
    if (m ~ /uninitialized/)
        return quoted(m, 1) " is used here before it was given a value" (m ~ /may|sometimes/ ? ", on some way through the function." : ".")
    if (m ~ /changes value from|may change value|turns floating-point number|from '(double|float|real)'.* to '(int|long|size_t|unsigned int|unsigned long|char|bool)'/)
        return "A number with a fraction becomes a whole number here: what is behind the point is lost. If you mean it, write (int) before it."
    if (m ~ /ISO C|empty body/)
        return m ~ /empty body/ ? "A ; stands behind the head: the loop, or the if, ends there and does nothing." : ""
    if (m ~ /does not guard/ && source(files[i], lines[i]) ~ /\) *; *$/)
        return "A ; stands behind the head: the loop, or the if, ends there and does nothing."
    if (m ~ /misleading|does not guard/)
        return "Without braces only one statement belongs to an if or a for, however it is indented."
    if (m ~ /above array bounds|past the end|outside array bounds|out of bounds/)
        return "This index is outside the array."
    return ""
}
function counts(m) {
    return match(m, /expected [a-z ]*[0-9]+, have [0-9]+/) ? " (" substr(m, RSTART, RLENGTH) ")." : "."
}
function tensor_pointer(all,   want) {
    want = ""
    if (match(all, /expected '[^']*'/) || match(all, /(incompatible type|assigning to|initializing|' to|'} to) '[^']*'/)) {
        want = substr(all, RSTART, RLENGTH - 1)
        sub(/.*'/, "", want)
    }
    if (want ~ /Tensor$/ && all ~ /Tensor ?\*'/)
        return "A Tensor is wanted here, and this is a pointer to one: is an & too many, or a * missing?"
    if (want ~ /Tensor$/) return "A Tensor is wanted here, and this is a pointer: a real * has the elements, but no shape."
    if (want ~ /Tensor ?[*]/) return "A pointer to a Tensor is wanted here, and this is the Tensor itself: is an & missing?"
    if (want ~ /\*/) return "A pointer is wanted here, and this is a Tensor. Row i of its elements is tensor_row(T, i)."
    return "A Tensor stands where a pointer is wanted, or the reverse."
}

# Warnings that are worth a line.
function worth(i,   f) {
    f = flags[i]
    if (f ~ /float-conversion|literal-conversion|Wconversion|Wimplicit-const-int-float/)
        return messages[i] !~ /to '?(float|real|double)/ && messages[i] ~ /'(double|float|real|long double)/ && \
            messages[i] !~ /^conversion.* (from|to) 'float' (from|to) 'double'/
    return f ~ /return-type|parentheses|unused-(value|result|comparison)|uninitialized|empty-body|misleading|array-bounds|implicit-function|int-conversion|incompatible-pointer|sometimes|div-by-zero|tautological|self-assign|format|dangling|infinite-recursion|return-local|comma|logical|int-in-bool|sequence-point|unsequenced|sizeof|unsaid/ \
        || (f == "" && messages[i] ~ /makes (pointer|integer)/)
}
