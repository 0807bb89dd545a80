"""Surnames of Chinese and Korean families as their bearers spell them in Latin letters, by region and dialect.

Common knowledge of the names' bearers (Mandarin, Cantonese, Hokkien, Teochew, Hakka, Vietnamese; Revised and customary
spellings), not taken from any table of names. Simplified and traditional characters stand together.
"""

from collections.abc import Mapping

_CHINESE = """
陈陳 chen chan tan tran chin tjan
王 wang wong ong heng vuong
黄黃 huang wong ng ooi oei uy hoang huynh
林 lin lim lam lum liem
李 li lee lei ly
张張 zhang cheung chang teo chong truong tiong
刘劉 liu lau low lao luu lauw
吴吳 wu ng goh go ngo ngoh
杨楊 yang yeung young yeo yong duong
郑鄭 zheng cheng tay teh chang tee trinh
谢謝 xie tse chia cheah sia ta
郭 guo kwok quek kuok kwek quach
洪 hong hung ang
许許 xu hui koh khoo kho hsu hua
蔡 cai choi chua tsai toi chai thai
曾 zeng tsang chan tang cheng
梁 liang leung leong neo luong niu
罗羅 luo law lo loh la
何 he ho hoe ha
高 gao ko kao
周 zhou chow chew chau chu chiu joe
徐 xu tsui chee hsu tu
孙孫 sun suen soon ton
胡 hu wu woo ho
朱 zhu chu choo
马馬 ma beh mah
叶葉 ye yip yap yeh diep
苏蘇 su so soh to
卢盧 lu lo loo lou
沈 shen sum sim tham
赖賴 lai loi
潘 pan poon phua phan
余 yu yee ee er du
方 fang fong png hng phuong
江 jiang kong kang giang
萧蕭肖 xiao siu siow sio siew tieu
钟鍾 zhong chung cheong choong
邓鄧 deng tang teng dang
廖 liao liu lew leow lieu
温溫 wen wan oon
彭 peng pang bang
唐 tang tong tng
冯馮 feng fung foong fong phung
韩韓 han hon
曹 cao tso chow tao
袁 yuan yuen vien
董 dong tung
蒋蔣 jiang chiang cheung tuong
蓝藍 lan lam nah
柯 ke kua or quah
颜顏 yan gan ngan nhan
庄莊 zhuang chong chng ching trang
施 shi sze see si thi
白 bai pak peh bach
石 shi shek chioh thach
翁 weng yung ang ong
尤 you yau yew
丁 ding ting teng dinh
戴 dai tai tay
田 tian tin
邱丘 qiu yau khoo khu chiu khaw
姚 yao yiu yeo
傅 fu poh pho
任 ren yam jim nham
欧歐 ou au
关關 guan kwan kuan quan
严嚴 yan yim giam nghiem
程 cheng ching thia
宋 song sung tong
武 wu vu vo mo
阮 ruan yuen nguyen
黎 li lai le
古 gu koo ku
汤湯 tang tong thng
杜 du to toh do
范 fan fam pham huan
贾賈 jia ka gia
魏 wei ngai gui nguy
吕呂 lu lui loo lyu lu
孔 kong hung khong
康 kang hong khang
史 shi sze su
易 yi yik ek
侯 hou hau how
龙龍 long lung leng
熊 xiong hung him
陆陸 lu luk lok look
姜 jiang keung kiong
崔 cui chui tsui
尹 yin wan oon
夏 xia ha hah
邵 shao siu
秦 qin chun tan
顾顧 gu koo ku
甘 gan kam kum
韦韋 wei wai vi
凌 ling
俞 yu yue
卓 zhuo cheuk toh tok
巫 wu mo boo
饶饒 rao yiu jew
符 fu foo hu
伍 wu ng eng
司徒 situ szeto seto
欧阳歐陽 ouyang auyeung auyong
"""

_KOREAN = """
김 kim gim
이 lee yi rhee
박 park bak pak
최 choi choe
정 jung jeong chung
강 kang gang
조 cho jo
윤 yoon yun
장 jang chang
임 lim im yim
오 oh
서 seo suh
신 shin
권 kwon gwon
안 ahn an
류 ryu yoo
유 yoo yu
전 jeon chun
고 ko go
문 moon mun
손 son sohn
배 bae pae
백 baek paik
허 heo hur huh
노 noh roh
심 shim sim
주 joo ju
구 koo ku goo
진 jin chin
우 woo
"""

_TWO_CHARACTERS = {"司徒": ("司徒",), "欧阳歐陽": ("欧阳", "歐陽")}


def _table(text: str) -> Mapping[str, tuple[str, ...]]:
    table = {}
    for line in text.strip().splitlines():
        written, *spellings = line.split()
        for name in _TWO_CHARACTERS.get(written, tuple(written)):
            table[name] = tuple(spellings)
    return table


HAN_SURNAMES = _table(_CHINESE)
"""Spellings by Han surname, Mandarin's first."""
HANGUL_SURNAMES = _table(_KOREAN)
"""Spellings by Hangul surname, the commonest first."""
