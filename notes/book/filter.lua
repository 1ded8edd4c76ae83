--[[
filter.lua: what pandoc changes in the course's pages. Each page begins with a comment,
<!-- page: FILE -->, so that links are understood as FILE has them; a book of all pages is
one document with several.

  <!-- listing: FILE -->   the listing below it gets a line with a link to its file
  <!-- output: COMMAND -->, <!-- ... output: ... -->, <!-- measured: ... -->  and COMMAND
  <!-- live: NAME -->      the figure LANGUAGE/live/NAME.html
  links to pages           become links in the book; to other files, to source/FILE.html, or to
                           a copy where it is data (.csv, .log)
  pictures                 figures with their words below, copied to pictures/

An equation of equations.txt (tag | pages | TeX) is shown where its tag comes first.

Metadata: `mode` is html or epub; `work` is a folder in which book.sh leaves pages.map (FILE,
tab, page), pictures.map (FILE, tab, copy, tab, width, tab, height), words.txt, equations.txt
and live/, and links.out, pictures.out, live.out: lines "page, tab, file or name" of what is asked for.
--]]

local mode, work
local page, folder -- of the page that is being read
local pages, pictures, words = {}, {}, {}
local equations = {} -- "page tag": TeX
local asked = {} -- of each list, what was written already

local function lines_of(path, separator, take)
    for line in io.lines(path) do
        local parts = {}
        for part in (line .. separator):gmatch("(.-)" .. separator) do
            table.insert(parts, part)
        end
        take(parts)
    end
end

local function ask(list, what)
    local line = pages[page] .. "\t" .. what
    if not asked[list .. line] then
        asked[list .. line] = true
        local file = assert(io.open(work .. "/" .. list, "a"))
        file:write(line, "\n")
        file:close()
    end
end

-- "chapters/02_x" and "../../notes/a.md": "notes/a.md"
local function resolve(path)
    local parts = {}
    for part in (folder .. "/" .. path):gmatch("[^/]+") do
        if part == ".." then
            table.remove(parts)
        elseif part ~= "." then
            table.insert(parts, part)
        end
    end
    return table.concat(parts, "/")
end

local function escaped(text)
    return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
end

local function html(text)
    return pandoc.RawBlock("html", text)
end

local function id_in(name, id) -- in one document of all pages, each has its own
    return mode == "epub" and name .. "-" .. id or id
end

local function link(element)
    local target, anchor = element.target:match("^([^#]*)#?(.*)$")
    if target:match("^%a+:") then
        return element
    end
    local file = target == "" and page or resolve(target)
    if pages[file] then
        local name = pages[file]
        if mode == "epub" then
            element.target = "#" .. (anchor == "" and name or name .. "-" .. anchor)
        else
            element.target = (file == page and "" or name .. ".html") ..
                (anchor == "" and "" or "#" .. anchor)
        end
    elseif mode == "epub" then
        return element.content
    else
        ask("links.out", file)
        local data = file:match("%.csv$") or file:match("%.log$")
        element.target = "source/" .. file .. (data and "" or ".html") ..
            (anchor == "" and "" or "#" .. anchor)
    end
    return element
end

-- The line of FILE with which a listing begins.
local function line_of(file, listing)
    local first = listing:match("[^\n]+")
    local at = 0
    for line in io.lines(file) do
        at = at + 1
        if line:gsub("%s+$", "") == first:gsub("%s+$", "") then
            return at
        end
    end
    return 1
end

local function listing(file, code)
    if mode == "epub" then
        return { pandoc.Para({ pandoc.Code(file) }), code }
    end
    ask("links.out", file)
    return {
        html('<figure class="listing"><figcaption><a href="source/' .. file .. ".html#L" ..
             line_of(file, code.text) .. '">' .. escaped(file) .. "</a></figcaption>"),
        code, html("</figure>"),
    }
end

local function output(command, code)
    if mode == "epub" then
        return { pandoc.Para({ pandoc.Code(command) }), code }
    end
    return {
        html('<figure class="output"><figcaption><code>' .. escaped(command) ..
             "</code></figcaption>"),
        code, html("</figure>"),
    }
end

local function live(name)
    if mode == "epub" then
        return { pandoc.Para({ pandoc.Emph({ pandoc.Str(words["live-epub"]) }) }) }
    end
    ask("live.out", name)
    local file = assert(io.open(work .. "/live/" .. name .. ".html"))
    local text = file:read("a")
    file:close()
    return { html('<figure class="live" id="live-' .. name .. '" data-live="' .. name ..
                  '" data-no-simd="' .. escaped(words["no-simd"]) .. '">\n' .. text ..
                  '<noscript><p class="live-error">' .. escaped(words["no-script"]) ..
                  "</p></noscript>\n</figure>") }
end

local function picture(image)
    local file = resolve(image.src)
    local known = pictures[file]
    if not known then
        error(page .. ": no picture " .. file)
    end
    ask("pictures.out", file)
    if mode == "epub" then
        image.src = work .. "/out/pictures/" .. known[2]
        image.title = "fig:"
        return pandoc.Para({ image })
    end
    local alt = escaped(pandoc.utils.stringify(image.caption))
    return html('<figure class="picture"><img src="pictures/' .. known[2] .. '" width="' ..
                known[3] .. '" height="' .. known[4] .. '" loading="lazy" alt="' .. alt ..
                '"><figcaption aria-hidden="true">' .. alt .. "</figcaption></figure>")
end

-- A paragraph of pictures alone: them; nil for another.
local function pictures_of(para)
    local found = {}
    for _, inline in ipairs(para.content) do
        if inline.t == "Image" then
            table.insert(found, picture(inline))
        elseif inline.t ~= "SoftBreak" and inline.t ~= "Space" then
            return nil
        end
    end
    return #found > 0 and found or nil
end

-- The equations that this block, and none before it, names.
local shown = {}
local function equations_of(block)
    local made = {}
    local text = block.t == "Para" and pandoc.utils.stringify(block) or
        block.t == "CodeBlock" and block.text or ""
    for paper, inside in text:gmatch("%[(%u[%a]+) ([^%]\n]+)%]") do
        for part in (inside:gsub(" and ", " ") .. ","):gmatch("%s*([^,]-),") do
            local tag = paper .. " " .. part
            local tex = equations[pages[page] .. " " .. tag]
            if tex and not shown[pages[page] .. tag] then
                shown[pages[page] .. tag] = true
                if mode == "html" then
                    table.insert(made, html('<div class="equation">'))
                end
                local math = pandoc.Math("DisplayMath", tex)
                table.insert(made, pandoc.Para(mode == "html" and { math } or
                    { math, pandoc.Space(), pandoc.Str("[" .. tag .. "]") }))
                if mode == "html" then
                    table.insert(made, html("<p>[" .. tag .. "]</p></div>"))
                end
            end
        end
    end
    return made
end

local function blocks(list)
    local made, mark = {}, nil
    for _, block in ipairs(list) do
        local equations_here = equations_of(block)
        if block.t == "CodeBlock" then
            for _, part in ipairs(equations_here) do
                table.insert(made, part)
            end
        end
        local comment = block.t == "RawBlock" and block.text:match("^<!%-%- (.-) %-%->")
        local pics = block.t == "Para" and pictures_of(block)
        local parts = { block }
        if comment then
            local name = comment:match("^live: (%S+)$")
            parts = name and live(name) or {}
            mark = comment
        elseif block.t == "CodeBlock" then
            local file = mark and mark:match("^listing: (.+)$")
            local command = mark and (mark:match("output: (.+)$") or
                                      mark:match("^measured: (.+)$"))
            if file then
                parts = listing(file, block)
            elseif command then
                parts = output(command, block)
            end
            mark = nil
        elseif pics then
            parts = pics
            mark = nil
        else
            mark = nil
        end
        for _, part in ipairs(parts) do
            table.insert(made, part)
        end
        if block.t == "Para" then
            for _, part in ipairs(equations_here) do
                table.insert(made, part)
            end
        end
    end
    return made
end

local function header(element)
    element.identifier = id_in(pages[page], element.identifier)
    if mode == "epub" then
        if element.level == 1 then
            element.identifier = pages[page]
        end
    elseif element.level > 1 then
        element.content:insert(pandoc.RawInline("html",
            ' <a class="anchor" href="#' .. element.identifier .. '" title="' ..
            escaped(words["section-link"]) .. '" aria-label="' ..
            escaped(words["section-link"] .. ": " .. pandoc.utils.stringify(element.content)) ..
            '">#</a>'))
    end
    return element
end

-- Columns as wide as their words, in a box that scrolls.
local function table_(element)
    for i, spec in ipairs(element.colspecs) do
        element.colspecs[i] = { spec[1], nil }
    end
    if mode == "epub" then
        return element
    end
    return { html('<div class="wide">'), element, html("</div>") }
end

local function of_page(list)
    local box = pandoc.walk_block(pandoc.Div(list), { Blocks = blocks })
    box = pandoc.walk_block(box, { Link = link, Header = header, Table = table_ })
    return box.content
end

function Pandoc(document)
    mode = pandoc.utils.stringify(document.meta.mode)
    work = pandoc.utils.stringify(document.meta.work)
    lines_of(work .. "/pages.map", "\t", function(p) pages[p[1]] = p[2] end)
    lines_of(work .. "/pictures.map", "\t", function(p) pictures[p[1]] = p end)
    lines_of(work .. "/words.txt", " | ", function(p) words[p[1]] = p[2] end)
    lines_of(work .. "/equations.txt", " | ", function(p)
        for name in (p[2] or ""):gmatch("%S+") do
            equations[name .. " " .. p[1]] = p[3]
        end
    end)
    local made, part = {}, {}
    local function finish()
        for _, block in ipairs(page and of_page(part) or part) do
            table.insert(made, block)
        end
        part = {}
    end
    for _, block in ipairs(document.blocks) do
        local file = block.t == "RawBlock" and block.text:match("^<!%-%- page: (%S+) %-%->")
        if file then
            finish()
            page, folder = file, file:match("^(.*)/[^/]*$") or "."
        else
            table.insert(part, block)
        end
    end
    finish()
    document.blocks = made
    document.meta.mode, document.meta.work = nil, nil
    return document
end
