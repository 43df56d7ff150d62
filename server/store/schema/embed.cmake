# Turns FROM, a text, into TO, a C file with `const char NAME[]`: cmake -DFROM= -DTO= -DNAME= -P
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n    " bytes "${bytes}")
file(WRITE ${TO} "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n    ${bytes}0x00};\n")
