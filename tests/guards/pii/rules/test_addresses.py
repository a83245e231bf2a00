from __future__ import annotations

import pytest

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import PLACES_AND_PEOPLE, assert_linear

found, found_and_marked = PLACES_AND_PEOPLE.found, PLACES_AND_PEOPLE.found_and_marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我家住[[address:杭州市西湖区文三路259号昌地火炬大厦1号楼]]",
        "我家地址是[[address:湖北省武汉市洪山区珞喻路129号]]，你快寄",
        "我住[[address:梧桐苑5幢2单元]]的，你呢",
        "我们搬到[[address:城北新村]]了",
        "妈妈说快递送到[[address:幸福路12号]]就行",
        "来我家玩吧，[[address:金色家园3栋1201]]",
        "我家在[[address:李家村]]，门口有条河",
        "我住校，[[address:3号宿舍楼402]]",
        "住在[[address:3号宿舍楼402]]的都被骂了",
        "我住在[[address:超市对面]]",
        "我家在[[address:虹桥镇]]",
        "我住在[[address:浦东新区张杨路500弄12号]]",
        "外婆家在[[address:绍兴市柯桥区安昌古镇]]",
        "奶奶住在[[address:石桥镇王庄村三组]]",
        "爸爸住在[[address:滨河路那边的蓝色公寓]]",
        "我家就在[[address:中心小学后面]]",
        "我住在[[address:8号楼3单元]]",
        "我们家是[[address:福田区莲花村12栋502]]",
        "我把书落在[[address:建国路88号3号楼1201]]了怎么办",
        "他家住[[address:东风街道光明社区]]",
        "我住[[address:老街37号]]，门口有棵树",
        "我家在[[address:北京市海淀区中关村大街27号3号楼502室]]旁边有超市",
        "[[address:中关村大街27号3号楼502]]",
        "那个人说让我把地址给他我就说了[[address:江苏省南京市鼓楼区湖南路街道丁家桥12号]]他说明天来",
        "我住[[address:新天地花园A座1502]]",
        "你来[[address:南门巷5号]]找我",
        "我家住[[address:光华村街55号]]",
        "收货地址：[[address:广东省深圳市南山区科苑路15号科兴科学园B栋3单元1101]]",
        "我住在[[address:静安区]]，你呢",
        "我家在[[address:河口镇]]上",
        "我和妈妈住在[[address:育才路小学隔壁的老房子]]",
        "她住在[[address:水岸花都7幢]]",
        "我住[[address:四季花城]]，小区里有游泳池",
        "我家在[[address:青山湖小区二期]]",
        "爷爷家在[[address:靠山屯]]",
        "妈妈说我们下个月要搬去[[address:通州区梨园镇翠屏北里12号楼]]",
        "我住[[address:幸福家园东区7号楼2单元1601]]，密码不告诉你",
        "快来救我 地址[[address:长江路99弄3号601]]",
        "我家在[[address:文化宫后面那条巷子]]里",
        "他家在[[address:火车站附近的铁路小区]]",
        "我们住[[address:人民医院家属楼]]，对面有卖包子的",
        "外婆住在[[address:城关镇西街村]]",
        "收货地址[[address:山东省青岛市市南区香港中路18号福泰广场B座2103室]]，电话等会给你",
        "家庭住址：[[address:解放路23号院5号楼]]",
        "那个叔叔问我住哪我说[[address:丽景花园8栋]]",
        "我在[[address:翡翠湾6幢1003]]等快递",
        "姥姥住[[address:纺织路12号院3单元]]，我每周末都去",
        "我家在[[address:新华书店后面的职工楼]]",
        "我们家在[[address:古田二路长丰村]]，快拆了",
        "我现在住在[[address:大学城北亭村]]",
        "同学说他家在[[address:云山诗意小区]]，有泳池",
        "发货地址写[[address:湖南省长沙市岳麓区麓谷大道658号]]吧",
        "我家住[[address:二环路东三段14号]]",
        "你到[[address:和平小区4号楼]]下面等我",
        "我住[[address:十里铺村6组]]",
        "妈妈租的房子在[[address:龙华区民治大道布龙路88号]]",
        "班级群里要填住址，我填了[[address:长安区韦曲街道樱花一路16号]]",
        "小姨家在[[address:开发区月亮湾3期]]",
        "哥哥你来找我吧我在[[address:西城区广安门内大街86号院2号楼]]楼下",
        "我爷爷奶奶住[[address:河西村八组]]那边信号不好",
        "跟你讲哦我家新房子在[[address:碧桂园凤凰城15栋2804]]好高好高",
        "[[address:和平东路136号]]这个地址是不是我家呀我不记得了",
        "俺家在[[address:赵家沟村]]，出门就是山",
        "妈妈在朋友圈发了我们家的门牌[[address:枫林路77弄5号1202室]]",
        "我就住[[address:少年宫对面那栋楼]]",
        "填写地址：[[address:陕西省西安市雁塔区小寨东路11号]]，收件人[[name:白晓芸]]",
        "我住的地方叫[[address:观澜新村]]，全是租房子的",
        "[[address:菜市场楼上]]就是我家，每天早上吵死",
        "我家在山上，[[address:青龙镇白云村]]，快递都不送",
        "老师问我住哪，我说[[address:东关村七队]]，他们都笑我",
        "你知道[[address:云栖路2号]]吗，我家就在那里",
        "俺屋在[[address:大王镇刘集村北头第三排]]，恁来耍不",
        "我们家在[[address:派出所斜对面]]，所以特别安全",
        "外婆家在[[address:丁家桥46号]]",
        "我放学自己走回[[address:铁路新村]]，大概十五分钟",
        "从[[address:火车站后面的老巷子]]一直走到头就是我家",
        "我住[[address:丽景苑3栋]]，跟奥特曼住得很近",
    ],
)
def test_an_address_is_found_from_its_most_general_part_to_its_most_exact(sentence: str) -> None:
    seen, marked = found_and_marked(sentence)
    assert seen == marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我家在农村，没有wifi",
        "我住在学校宿舍",
        "我家在六楼，爬得好累",
        "我住在北京",
        "我家在上海市",
        "放学我坐10路车到3号线",
        "下雨天路上好堵",
        "3号考试，5号放假",
        "数学书第3单元好难",
        "教室在三楼",
        "我们在2号楼上美术课",
        "请问中山路怎么走",
        "我的座位在3组5号",
        "福尔摩斯住在贝克街221号B",
        "我跟妈妈去万达广场买鞋",
        "你家住哪儿啊",
        "我家楼下有只猫",
        "我家小区停电了",
        "海绵宝宝住在比奇堡",
        "我们小区3号楼有只流浪猫",
        "订单号3号楼还没到",
        "老师说第5单元要听写",
        "他跑了800米3号选手赢了",
        "姐姐上高中住校",
        "爸爸的车停在小区3号车位",
        "坐2号线到人民广场站换1号线",
        "老师让我们做练习册第3单元",
        "我们宿舍在5楼",
        "我家离学校只有两站路",
        "考场在2号楼3楼",
        "我想住在迪士尼城堡里",
        "童话里公主住在森林小屋",
        "同学叫我外号",
        "跑了3号弯道我就摔了",
        "这道菜在三楼美食城才有",
        "王老师办公室在2号楼五楼",
        "去医院坐37路",
        "我跟爸爸去了江边散步",
        "我们班在三楼",
        "我家附近有三条路",
        "我们县城很小",
        "外面3号风球",
        "我从5楼扔纸飞机",
        "马路边有一条狗",
        "妈妈拉着我，我在走廊上哭",
        "翻译：他住在平安路8号",
        "在国外读书，寄宿家庭",
        "警察叔叔送我回家一路都没说话",
    ],
)
def test_a_city_a_floor_and_places_of_stories_are_no_address(sentence: str) -> None:
    assert found(sentence) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("我 家 住 在 阳光小区 3 号楼", "阳光小区 3 号楼"),
        ("我住板橋區文化路二段182巷5號7樓", "板橋區文化路二段182巷5號7樓"),
        ("我家住在锦绣花园１２栋", "锦绣花园１２栋"),
        ("我家在幸福里十二号楼二单元五零二", "幸福里十二号楼二单元五零二"),
    ],
)
def test_the_span_is_what_the_child_typed(text: str, value: str) -> None:
    assert found(text) == [("address", value)]


@pytest.mark.parametrize("part", ["我家住在阳光", "中山路1号", "1-", "一", "北京市海淀", "号楼3栋"])
def test_long_runs_take_time_in_proportion_to_their_length(part: str) -> None:
    assert_linear(lambda text: PLACES_AND_PEOPLE.search(text, Kind.ADDRESS), part)
