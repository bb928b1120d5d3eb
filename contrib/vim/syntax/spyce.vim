" Vim syntax file: Spyce pages, HTML with Python in it.

if exists('b:current_syntax')
  finish
endif

runtime! syntax/html.vim
unlet! b:current_syntax
syntax include @spycePython syntax/python.vim
unlet! b:current_syntax

" Where several regions begin at the same place, Vim takes the one defined last.
syntax region spyceStatement matchgroup=spyceDelimiter keepend start=/\[\[/ start=/<%/
      \ skip=/\\\]\]\|\\%>/ end=/\]\]/ end=/%>/ contains=@spycePython,spyceLambda,spyceEscape
syntax region spyceExpression matchgroup=spyceDelimiter keepend start=/\[\[=/ start=/<%=/
      \ skip=/\\\]\]\|\\%>/ end=/\]\]/ end=/%>/ contains=@spycePython,spyceLambda,spyceEscape
syntax region spyceChunk matchgroup=spyceDelimiter keepend start=/\[\[[\\!]/ start=/<%[\\!]/
      \ skip=/\\\]\]\|\\%>/ end=/\]\]/ end=/%>/ contains=@spycePython,spyceLambda,spyceEscape
syntax region spyceDirective matchgroup=spyceDelimiter keepend start=/\[\[\./ start=/<%[.@]/
      \ skip=/\\\]\]\|\\%>/ end=/\]\]/ end=/%>/ contains=spyceDirectiveName,spyceAttribute,spyceString
syntax region spyceLambda matchgroup=spyceDelimiter extend start=/\[\[spy!\?/ start=/<%spy!\?/
      \ skip=/\\\]\]\|\\%>/ end=/\]\]/ end=/%>/ contains=TOP
syntax region spyceComment extend start=/\[\[--/ start=/<%--/ end=/--\]\]/ end=/--%>/ contains=@Spell

syntax match spyceDirectiveName /\%(\[\[\.\|<%[.@]\)\@4<=\s*\w\+/ contained
syntax match spyceAttribute /[A-Za-z_][A-Za-z0-9_.-]*\ze\s*=/ contained
syntax region spyceString start=/"/ end=/"/ contained
syntax region spyceString start=/'/ end=/'/ contained
syntax match spyceEscape /\\\%(\[\[\|\]\]\|<%\|%>\)/
syntax match spyceTag /<\/\?[A-Za-z_][A-Za-z0-9_.-]*:[A-Za-z_][A-Za-z0-9_.-]*/hs=s+1 contained
      \ containedin=htmlTag,htmlEndTag

" Within tags and their attributes too.
syntax cluster htmlPreproc add=spyceStatement,spyceExpression,spyceChunk,spyceDirective,spyceLambda,spyceComment,
      \spyceEscape

highlight default link spyceDelimiter PreProc
highlight default link spyceDirectiveName Include
highlight default link spyceAttribute Type
highlight default link spyceString String
highlight default link spyceComment Comment
highlight default link spyceEscape SpecialChar
highlight default link spyceTag Function

let b:current_syntax = 'spyce'
